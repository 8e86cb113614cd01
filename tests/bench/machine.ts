/**
 * What the figures were measured on: they mean little without it.
 *
 * @module
 */
import { availableParallelism, cpus } from "node:os";

/** A machine, and when it was measured on. */
export interface Machine {
  /** In RFC 3339. */
  readonly date: string;
  /** Version of Deno. */
  readonly deno: string;
  /** How many processors there are to run on. */
  readonly cpuCount: number;
  /** As the system names it; undefined where it doesn't. */
  readonly cpuModel: string | undefined;
}

/** Describes this machine. */
export function describeMachine(now: Date): Machine {
  return {
    date: now.toISOString(),
    deno: Deno.version.deno,
    cpuCount: availableParallelism(),
    cpuModel: cpus()[0]?.model,
  };
}
