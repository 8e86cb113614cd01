/**
 * The machine and time of a measurement.
 *
 * @module
 */
import { availableParallelism, cpus } from "node:os";

export interface Machine {
  /** RFC 3339. */
  readonly date: string;
  readonly deno: string;
  readonly cpuCount: number;
  /** Undefined if the system does not report it. */
  readonly cpuModel: string | undefined;
}

export function describeMachine(now: Date): Machine {
  return {
    date: now.toISOString(),
    deno: Deno.version.deno,
    cpuCount: availableParallelism(),
    cpuModel: cpus()[0]?.model,
  };
}
