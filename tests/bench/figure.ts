/**
 * One line of the benchmark's report: the program's values, what the servers alone reached in the same rounds, and the verdict.
 *
 * @module
 */

/** A quantity that is measured once per round. */
export interface Figure {
  readonly name: string;
  readonly unit: "/s" | "ms" | "s" | "MiB";
  /** The program's values, by round. */
  readonly values: readonly number[];
  /** What the servers reach without the program, in the same rounds. */
  readonly limit?: { readonly name: string; readonly values: readonly number[] };
  readonly target?: Target;
}

export interface Target {
  /** Whether the target is for the ratio to the limit, or for the value itself. */
  readonly of: "ratio" | "value";
  readonly kind: "at least" | "at most";
  readonly must: number;
  readonly aim: number;
}

export type Verdict = "aim" | "must" | "missed" | "none";

/**
 * The median; for an even number of values, the mean of the two in the middle.
 *
 * @throws {RangeError} If there are no values.
 */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const [lower, upper] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]];
  if (lower === undefined || upper === undefined) throw new RangeError("There are no values");
  return (lower + upper) / 2;
}

/**
 * The percentile of some values, which is always one of them.
 *
 * @param fraction From 0 to 1.
 * @throws {RangeError} If there are no values.
 */
export function percentile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))];
  if (value === undefined) throw new RangeError("There are no values");
  return value;
}

/** The median of the rounds' ratios. Both values of a round are measured together, so the machine's speed cancels out. */
export function ratioOf({ values, limit }: Figure): number | undefined {
  if (!limit) return undefined;
  return median(values.map((value, round) => value / (limit.values[round] ?? NaN)));
}

/** @throws {TypeError} If the target is a ratio and the figure has no limit. */
export function verdictOf(figure: Figure): Verdict {
  const { target, values } = figure;
  if (!target) return "none";
  const actual = target.of === "ratio" ? ratioOf(figure) : median(values);
  if (actual === undefined) throw new TypeError(`${figure.name}: a target for a ratio needs a limit`);
  const reaches = (wanted: number) => target.kind === "at least" ? actual >= wanted : actual <= wanted;
  if (reaches(target.aim)) return "aim";
  return reaches(target.must) ? "must" : "missed";
}
