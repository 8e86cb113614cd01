/**
 * One line of what the benchmark tells: what the program does, what the real parts could do in the same round, and
 * whether that is enough.
 *
 * @module
 */

/** Something that was measured, once in each round. */
export interface Figure {
  /** What was measured. */
  readonly name: string;
  /** Of its values. */
  readonly unit: "/s" | "ms" | "s" | "MiB";
  /** The program's values, by round. */
  readonly values: readonly number[];
  /** The limit that the real parts set, and its values in the same rounds. */
  readonly limit?: { readonly name: string; readonly values: readonly number[] };
  /** What has to be reached: by the ratio to the limit, or by the value itself. */
  readonly target?: Target;
}

/** What has to be reached. */
export interface Target {
  readonly of: "ratio" | "value";
  readonly kind: "at least" | "at most";
  readonly must: number;
  readonly aim: number;
}

/** How well a target was reached. */
export type Verdict = "aim" | "must" | "missed" | "none";

/**
 * The median; of an even number the mean of the two in the middle.
 *
 * @throws {RangeError} Without values.
 */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const [lower, upper] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]];
  if (lower === undefined || upper === undefined) throw new RangeError("There must be values");
  return (lower + upper) / 2;
}

/**
 * The value that a part of all values lies below.
 *
 * @param part From 0 to 1.
 * @throws {RangeError} Without values.
 */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  if (value === undefined) throw new RangeError("There must be values");
  return value;
}

/** The median of the rounds' ratios: a round's two halves are measured one after the other, on the same machine's mood. */
export function ratioOf({ values, limit }: Figure): number | undefined {
  if (!limit) return undefined;
  return median(values.map((value, round) => value / (limit.values[round] ?? NaN)));
}

/** Whether the figure reaches its target. */
export function verdictOf(figure: Figure): Verdict {
  const { target, values } = figure;
  if (!target) return "none";
  const reached = target.of === "ratio" ? ratioOf(figure) : median(values);
  if (reached === undefined) throw new TypeError(`${figure.name}: a ratio needs a limit`);
  const reaches = (wanted: number) => target.kind === "at least" ? reached >= wanted : reached <= wanted;
  if (reaches(target.aim)) return "aim";
  return reaches(target.must) ? "must" : "missed";
}
