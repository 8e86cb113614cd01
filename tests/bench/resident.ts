/**
 * Resident memory in the unit that containers are limited in.
 *
 * @module
 */
import { residentMemory } from "../fixtures/process_memory.ts";
import type { RunningProgram } from "../fixtures/program.ts";

const MIB = 2 ** 20;

/** Resident memory of the program in MiB: at this moment, and at its highest since the start. */
export async function residentMib(program: RunningProgram): Promise<{ now: number; peak: number }> {
  const { megabytes, peakMegabytes } = await residentMemory(program);
  return { now: megabytes * 1e6 / MIB, peak: peakMegabytes * 1e6 / MIB };
}
