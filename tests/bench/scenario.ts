/**
 * What all scenarios of the benchmark have in common.
 *
 * @module
 */
import type { Figure } from "./figure.ts";
import type { Part } from "./scene.ts";

/** How much is measured. */
export interface Size {
  /** How often limit and program are measured, in turn. */
  readonly rounds: number;
  /** How long a load lasts. */
  readonly seconds: number;
  /** 1 for what the targets are for; less for a run that only shows that everything works. */
  readonly scale: number;
  /** Whether to measure, too, what takes many minutes. */
  readonly long: boolean;
}

/** ConfigMaps are measured in so many rounds at most: making them takes longer than sending them. */
export const MOST_CLUSTER_ROUNDS = 3;

/** Something that is measured on its own. */
export interface Scenario {
  /** What it needs of the machine. */
  readonly parts: readonly Part[];
  /** Measures; `tell` takes what goes on meanwhile. */
  run(options: Size & { readonly tell: (line: string) => void }): Promise<Figure[]>;
}
