/**
 * Builds and runs the controllers: reflectors that see changes, a queue, and workers that reconcile.
 *
 * @module
 */
import { runController } from "../lib/kube/controller.ts";
import { createEventRecorder } from "../lib/kube/events.ts";
import type { Reflector } from "../lib/kube/reflector.ts";
import { createScanController } from "./build_pod.ts";
import { type ConfigMapControllersOptions, createConfigMapControllers } from "./configmap_controllers.ts";
import type { Controller, ControllersDependencies } from "./parts.ts";
import type { ScanPodOptions } from "./scan_pod.ts";
import { createTokenController, type TokenSecretOptions } from "./token_secret.ts";

/** Options of each controller; one without options doesn't run. */
export interface ControllersOptions {
  readonly configMaps?: ConfigMapControllersOptions | undefined;
  readonly tokens?: TokenSecretOptions | undefined;
  readonly scanner?: ScanPodOptions | undefined;
}

/** All controllers together. */
export interface Controllers {
  /** Runs until `signal` aborts and running reconciles have finished; `killSignal` aborts those, too. Never throws. */
  run(options: { signal: AbortSignal; killSignal: AbortSignal }): Promise<void>;
  /** Readiness checks: whether each watch is synced and alive. */
  readonly checks: Readonly<Record<string, () => boolean>>;
}

/** A watch that was silent for this long, without even a bookmark, can't be relied on. */
const SILENCE_LIMIT_MS = 5 * 60 * 1000;

/** Makes the controllers. They send nothing before `run`. */
export function createControllers(
  dependencies: ControllersDependencies,
  options: ControllersOptions,
): Controllers {
  const { log, metrics } = dependencies;
  const controllers: Controller[] = [];
  const events = createEventRecorder({ ...dependencies, client: dependencies.kube });
  const parts = { ...dependencies, events };
  if (options.configMaps) controllers.push(...createConfigMapControllers(parts, options.configMaps));
  if (options.tokens) controllers.push(createTokenController(parts, options.tokens));
  if (options.scanner) controllers.push(createScanController(parts, options.scanner));

  async function run(
    { signal, killSignal }: { signal: AbortSignal; killSignal: AbortSignal },
  ): Promise<void> {
    await Promise.all(controllers.flatMap((controller) => [
      ...Object.values(controller.reflectors).map((reflector) => reflector.run({ signal })),
      runController({ ...controller, log, signal, killSignal }),
    ]));
    for (const { queue } of controllers) queue.close();
  }

  const reflectors = controllers.flatMap((controller) => Object.entries(controller.reflectors));
  const byName = (read: (controller: Controller) => number) =>
    Object.fromEntries(controllers.map((controller) => [controller.name, read(controller)]));
  metrics.registerGauge("queue_ready", () => byName(({ queue }) => queue.readyCount));
  metrics.registerGauge("queue_waiting", () => byName(({ queue }) => queue.waitingCount));
  metrics.registerGauge(
    "watch_silence_seconds",
    () =>
      Object.fromEntries(reflectors.flatMap(([name, reflector]) => {
        const silenceMs = reflector.silenceMs();
        return silenceMs === undefined ? [] : [[name, silenceMs / 1000]];
      })),
  );
  const isAlive = (reflector: Reflector) =>
    reflector.isSynced() && (reflector.silenceMs() ?? Infinity) < SILENCE_LIMIT_MS;
  return {
    run,
    checks: Object.fromEntries(reflectors.map(([name, reflector]) => [name, () => isAlive(reflector)])),
  };
}
