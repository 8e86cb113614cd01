/**
 * What the growth tool has measured, as docs/growth.json keeps it.
 *
 * @module
 */

/** What grows: namespaces with good Secrets at a start, or ConfigMaps that wait for being sent, small or large. */
export type GrowthKind = "start" | "drain" | "large";

/** One size, measured once. */
export interface GrowthPoint {
  /** Namespaces, or ConfigMaps. */
  readonly count: number;
  /** From the program's start as a process until it was idle, or until the last ConfigMap was sent and marked. */
  readonly seconds: number;
  /** Memory charged at its highest, in MB (10^6 bytes). */
  readonly peakMegabytes: number;
  /** Memory charged ten seconds after the work. */
  readonly restMegabytes: number;
  /** For a drain that was cut off: what was measured before. `seconds` is then what follows from its rate. */
  readonly cutOff?: { readonly sent: number; readonly seconds: number };
  /** For a drain: seconds of a processor that each part took until then, by its process's name. */
  readonly processorSeconds?: Readonly<Record<string, number>>;
  /** For a drain: how large etcd's file was before it and after, in MB. */
  readonly databaseMegabytes?: { readonly before: number; readonly after: number };
}

/** docs/growth.json. */
export interface GrowthData {
  /** How it was measured. */
  readonly how: Readonly<Record<string, string>>;
  /** Namespaces with good Secrets, by count. */
  readonly start: readonly GrowthPoint[];
  /** ConfigMaps that wait, by count. */
  readonly drain: readonly GrowthPoint[];
  /** The same with ConfigMaps as large as an SBOM; for the arithmetic, and not plotted. */
  readonly large: readonly GrowthPoint[];
}

const DATA = new URL("../../docs/growth.json", import.meta.url);

/** Where the plot stands. */
export const PLOT = new URL("../../docs/growth.svg", import.meta.url);

/** Reads docs/growth.json. */
export async function readGrowth(): Promise<GrowthData> {
  return JSON.parse(await Deno.readTextFile(DATA));
}

/** Puts a point in its place, instead of an earlier one of the same size. */
export function withPoint(data: GrowthData, kind: GrowthKind, point: GrowthPoint): GrowthData {
  const others = data[kind].filter(({ count }) => count !== point.count);
  const rounded = { ...point, seconds: Math.round(point.seconds * 100) / 100 };
  return { ...data, [kind]: [...others, rounded].toSorted((one, other) => one.count - other.count) };
}

/** Writes docs/growth.json. */
export async function writeGrowth(data: GrowthData): Promise<void> {
  await Deno.writeTextFile(DATA, `${JSON.stringify(data, null, 2)}\n`);
}
