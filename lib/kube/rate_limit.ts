/**
 * Limits how often something is done.
 *
 * @module
 */
import type { Clock } from "../clock.ts";

/**
 * A token bucket: allows `burst` calls at once, and after that one per interval.
 *
 * @returns Whether the call is within the limit; a call that is counts.
 */
export function createRateLimit(
  { clock, burst, intervalMs }: { clock: Clock; burst: number; intervalMs: number },
): () => boolean {
  let available = burst;
  let refilledAt = clock.monotonic();
  return () => {
    const intervals = Math.floor((clock.monotonic() - refilledAt) / intervalMs);
    available = Math.min(burst, available + intervals);
    refilledAt += intervals * intervalMs;
    if (available === 0) return false;
    available--;
    return true;
  };
}
