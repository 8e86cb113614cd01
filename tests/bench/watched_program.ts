/**
 * A running program, observed through its health endpoint, metrics and log.
 *
 * @module
 */
import { freePorts } from "../fixtures/ports.ts";
import { type ProgramMemory, programMemory } from "../fixtures/process_memory.ts";
import type { ProgramBundle } from "./scene.ts";

/** A running program. Disposing stops it. */
export interface WatchedProgram extends AsyncDisposable {
  /** `performance.now()` at its start. */
  readonly startedAt: number;
  memory(): Promise<ProgramMemory>;
  /**
   * Reads a metric.
   *
   * @param name With labels, without the prefix.
   * @returns 0 if the metric does not exist.
   */
  metric(name: string): Promise<number>;
  /**
   * Waits until `/readyz` succeeds.
   *
   * @throws {Error} With the program's log, if it exits or the time runs out.
   */
  untilReady(limitMs: number): Promise<void>;
  /** Number of lists that it has read, according to its log. */
  listedCount(): number;
  /** Waits until a condition holds, like {@link untilReady}. */
  until(holds: () => Promise<boolean>, options: { limitMs: number; everyMs: number }): Promise<void>;
}

const READY_INTERVAL_MS = 20;
/** Short, since reading the log costs the program nothing. */
const LOG_INTERVAL_MS = 2;
/** ConfigMaps, namespaces and Secrets. */
const LISTS = 3;
const MAX_LOG_CHARACTERS = 2_000;

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
    while (!await holds().catch(() => false)) {
      if (ended || performance.now() > limit) {
        const reason = ended ? "it exited" : `${limitMs} ms passed`;
        throw new Error(
          `Gave up waiting for the program: ${reason}. Its log:\n${program.log().slice(-MAX_LOG_CHARACTERS)}`,
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
 * Waits until the program is idle after a start among namespaces with valid Secrets: all lists are read, every Secret is
 * validated, and the queue is empty.
 *
 * @returns Milliseconds since the start.
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
