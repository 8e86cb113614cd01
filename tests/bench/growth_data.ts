/**
 * The data in docs/growth.json.
 *
 * @module
 */

/** `start`: a start among namespaces with valid Secrets; `drain` and `large`: sending small or large pending ConfigMaps. */
export type GrowthKind = "start" | "drain" | "large";

/** One measurement. */
export interface GrowthPoint {
  /** Namespaces or ConfigMaps. */
  readonly count: number;
  /** From the start of the process until it was idle, or until the last ConfigMap was sent and marked. */
  readonly seconds: number;
  /** Peak of the charged memory, in MB (10^6 bytes). */
  readonly peakMegabytes: number;
  /** Memory charged ten seconds after the work. */
  readonly restMegabytes: number;
  /** Set for a drain that was cut off, with what was measured until then; `seconds` is extrapolated from its rate. */
  readonly cutOff?: { readonly sent: number; readonly seconds: number };
  /** Drains only: CPU seconds by process name. */
  readonly processorSeconds?: Readonly<Record<string, number>>;
  /** Drains only: size of etcd's file in MB. */
  readonly databaseMegabytes?: { readonly before: number; readonly after: number };
}

/** docs/growth.json. */
export interface GrowthData {
  /** Conditions of the measurement. */
  readonly how: Readonly<Record<string, string>>;
  readonly start: readonly GrowthPoint[];
  readonly drain: readonly GrowthPoint[];
  /** Not plotted. */
  readonly large: readonly GrowthPoint[];
}

const DATA = new URL("../../docs/growth.json", import.meta.url);

export const PLOT = new URL("../../docs/growth.svg", import.meta.url);

export async function readGrowth(): Promise<GrowthData> {
  return JSON.parse(await Deno.readTextFile(DATA));
}

/** Adds a point; replaces an earlier one of the same size. */
export function withPoint(data: GrowthData, kind: GrowthKind, point: GrowthPoint): GrowthData {
  const others = data[kind].filter(({ count }) => count !== point.count);
  const rounded = { ...point, seconds: Math.round(point.seconds * 100) / 100 };
  return { ...data, [kind]: [...others, rounded].toSorted((one, other) => one.count - other.count) };
}

export async function writeGrowth(data: GrowthData): Promise<void> {
  await Deno.writeTextFile(DATA, `${JSON.stringify(data, null, 2)}\n`);
}
