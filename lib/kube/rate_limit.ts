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

/**
 * A token bucket for each key. One that is unused for so long that it is full again is forgotten.
 *
 * @returns Whether the call is within the limit of its key; a call that is counts.
 */
export function createRateLimits(
  options: { clock: Clock; burst: number; intervalMs: number },
): (key: string) => boolean {
  const { clock, burst, intervalMs } = options;
  /** The longest unused first. */
  const limits = new Map<string, { readonly isWithinRate: () => boolean; readonly usedAt: number }>();
  return (key) => {
    const now = clock.monotonic();
    for (const [unused, { usedAt }] of limits) {
      if (now - usedAt < burst * intervalMs) break;
      limits.delete(unused);
    }
    const isWithinRate = limits.get(key)?.isWithinRate ?? createRateLimit(options);
    limits.delete(key);
    limits.set(key, { isWithinRate, usedAt: now });
    return isWithinRate();
  };
}
