/**
 * The program in a cluster, as the benchmark sees it from outside: through its own health endpoint and metrics.
 *
 * @module
 */
import { freePorts } from "../fixtures/ports.ts";
import { type ProgramMemory, programMemory } from "../fixtures/process_memory.ts";
import type { ProgramBundle } from "./scene.ts";

/** A program that runs. Disposing of it stops it. */
export interface WatchedProgram extends AsyncDisposable {
  /** When it was started, as `performance.now()` tells it. */
  readonly startedAt: number;
  /** What it takes of the machine. */
  memory(): Promise<ProgramMemory>;
  /** A metric's value, named with its labels and without the prefix; 0 while there is none. */
  metric(name: string): Promise<number>;
  /**
   * Waits until `/readyz` says that every watch knows of everything.
   *
   * @throws {Error} With its log, when it ends or the time is over.
   */
  untilReady(limitMs: number): Promise<void>;
  /** How often it has said that it has read a list. */
  listedCount(): number;
  /** Waits until something holds, as {@link untilReady} does. */
  until(holds: () => Promise<boolean>, options: { limitMs: number; everyMs: number }): Promise<void>;
}

const READY_INTERVAL_MS = 20;
/** Looking into what it has written costs the program nothing. */
const LOG_INTERVAL_MS = 2;
/** ConfigMaps, namespaces and Secrets. */
const LISTS = 3;
const LOG_KEPT = 2_000;

/** Starts it. */
export function startWatched(bundle: ProgramBundle, env: Readonly<Record<string, string>>): WatchedProgram {
  const [metricsPort = 0] = freePorts(1);
  const startedAt = performance.now();
  const program = bundle.start({
    METRICS_BIND_ADDRESS: `127.0.0.1:${metricsPort}`,
    METRICS_SECURE: "false",
    ...env,
  });
  let ended = false;
  void program.status.then(() => ended = true);

  async function until(holds: () => Promise<boolean>, { limitMs, everyMs }: Wait): Promise<void> {
    const limit = performance.now() + limitMs;
    // The program is another process: asking again is the only way to learn anything of it.
    while (!await holds().catch(() => false)) {
      if (ended || performance.now() > limit) {
        const why = ended ? "it ended" : `${limitMs} ms were over`;
        throw new Error(
          `Waited in vain for the program as ${why}. Its log:\n${program.log().slice(-LOG_KEPT)}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }

  async function isReady(): Promise<boolean> {
    const response = await fetch(`${program.healthUrl}/readyz`);
    await response.body?.cancel();
    return response.ok;
  }

  return {
    startedAt,
    memory: () => programMemory(program),
    async metric(name) {
      const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
      const line = text.split("\n").find((line) => line.startsWith(`insights_remote_${name} `));
      return Number(line?.split(" ")[1] ?? 0);
    },
    listedCount: () => program.log().split('"Listed"').length - 1,
    untilReady: (limitMs) => until(isReady, { limitMs, everyMs: READY_INTERVAL_MS }),
    until,
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

interface Wait {
  readonly limitMs: number;
  readonly everyMs: number;
}

/**
 * Waits until the program is idle after a start among namespaces whose Secrets are good: all watches know of everything,
 * every Secret is known to be good, and nothing is in line for a look.
 *
 * @returns Milliseconds since its start.
 */
export async function untilIdle(
  program: WatchedProgram,
  { namespaces, limitMs }: { namespaces: number; limitMs: number },
): Promise<number> {
  await program.until(() => Promise.resolve(program.listedCount() === LISTS), {
    limitMs,
    everyMs: LOG_INTERVAL_MS,
  });
  const listedMs = performance.now() - program.startedAt;
  const isIdle = async () =>
    await program.metric('token_secrets{state="current"}') === namespaces &&
    await program.metric('queue_ready{controller="namespace"}') === 0;
  if (await isIdle()) return listedMs;
  await program.until(isIdle, { limitMs, everyMs: READY_INTERVAL_MS });
  return performance.now() - program.startedAt;
}
