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
  /** Ships insights ConfigMaps. */
  readonly configMaps?: ConfigMapControllersOptions | undefined;
  /** Keeps token Secrets. */
  readonly tokens?: TokenSecretOptions | undefined;
  /** Scans images after builds. */
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
  const { log } = dependencies;
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

  registerGauges(controllers, dependencies);
  const reflectors = controllers.flatMap((controller) => Object.entries(controller.reflectors));
  const isAlive = (reflector: Reflector) =>
    reflector.isSynced() && (reflector.silenceMs() ?? Infinity) < SILENCE_LIMIT_MS;
  return {
    run,
    checks: Object.fromEntries(reflectors.map(([name, reflector]) => [name, () => isAlive(reflector)])),
  };
}

function registerGauges(controllers: readonly Controller[], { metrics }: ControllersDependencies): void {
  const byName = <Item>(read: (controller: Controller) => readonly (readonly [string, Item])[]) =>
    Object.fromEntries(controllers.flatMap(read));
  metrics.registerGauge("queue_ready", () => byName(({ name, queue }) => [[name, queue.readyCount]]));
  metrics.registerGauge("queue_waiting", () => byName(({ name, queue }) => [[name, queue.waitingCount]]));
  metrics.registerGauge(
    "watch_silence_seconds",
    () =>
      byName(({ reflectors }) =>
        Object.entries(reflectors).flatMap(([name, reflector]) => {
          const silenceMs = reflector.silenceMs();
          return silenceMs === undefined ? [] : [[name, silenceMs / 1000]];
        })
      ),
  );
}
