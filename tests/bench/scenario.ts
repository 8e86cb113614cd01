/**
 * The interface of the benchmark's scenarios.
 *
 * @module
 */
import type { Figure } from "./figure.ts";
import type { Part } from "./scene.ts";

/** The size of a measurement. */
export interface Size {
  /** Number of times that the limit and the program are measured, in turn. */
  readonly rounds: number;
  /** Duration of a load. */
  readonly seconds: number;
  /** 1 for a full run, to which the targets apply; less for a smoke test. */
  readonly scale: number;
  /** Whether to include measurements that take many minutes. */
  readonly long: boolean;
}

/** Limits the rounds that need new ConfigMaps, since creating them takes longer than sending them. */
export const MAX_CLUSTER_ROUNDS = 3;

export interface Scenario {
  /** Required external programs. */
  readonly parts: readonly Part[];
  /** Measures; logs its progress. */
  run(options: Size & { readonly log: (line: string) => void }): Promise<Figure[]>;
}
