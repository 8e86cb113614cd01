/**
 * What this replica does in the cluster: the controllers, always, or only while it holds the Lease.
 *
 * @module
 */
import { createControllers } from "../../controllers/mod.ts";
import type { Config } from "../config/config.ts";
import { readAuthorities } from "../dependency_track/authorities.ts";
import { describeError } from "../errors.ts";
import { createKubeClient } from "../kube/client.ts";
import { createLeaderElection } from "../kube/leader_election.ts";
import type { SharedDependencies } from "./dependencies.ts";

/** Conditions by name. */
export type Checks = Readonly<Record<string, () => boolean>>;

/** The work, before and while it runs. */
export interface ClusterWork {
  /**
   * Works until `signal` aborts and the work in hand is finished; `killSignal` ends that work, too.
   *
   * @returns `lost` when another replica may lead now, and this one has to be restarted.
   */
  run(options: { signal: AbortSignal; killSignal: AbortSignal }): Promise<"stopped" | "lost">;
  /** Conditions for traffic. A replica that waits for the Lease has none. */
  readonly readiness: Checks;
  /** Conditions that the kubelet restarts the process without. */
  readonly liveness: Checks;
  close(): void;
}

/** The Go remote's Lease, so that both can't lead at the same time. */
const LEASE_NAME = "ac8a682b.lagoon.sh";

const NO_WORK: ClusterWork = {
  run: () => Promise.resolve("stopped"),
  readiness: {},
  liveness: {},
  close: () => {},
};

/**
 * Creates the work; nothing is sent before `run`.
 *
 * @throws When the credentials, or the pod's namespace, can't be read.
 */
export async function createClusterWork(
  config: Config,
  dependencies: SharedDependencies,
): Promise<ClusterWork> {
  const { configMaps, tokens, scanner, leaderElection, dependencyTrack } = config;
  if (!configMaps.enabled && !tokens.reconcilerEnabled && !scanner) return NO_WORK;
  await checkAuthorities(config, dependencies);
  const access = await dependencies.openCluster();
  const close = () => access.close();
  const kube = createKubeClient({ access, clock: dependencies.clock });
  const controllers = createControllers({ ...dependencies, kube }, {
    configMaps: configMaps.enabled ? { ...configMaps, dependencyTrack } : undefined,
    tokens: tokens.reconcilerEnabled ? tokens : undefined,
    scanner,
  });
  if (!leaderElection.enabled) {
    return {
      run: (options) => controllers.run(options).then(() => "stopped"),
      readiness: controllers.checks,
      liveness: {},
      close,
    };
  }
  const { podName } = leaderElection;
  const election = createLeaderElection({
    ...dependencies,
    client: kube,
    key: { namespace: leaderElection.namespace || await access.namespace(), name: LEASE_NAME },
    // A StatefulSet reuses names of pods; this process must not be taken for its predecessor.
    identity: `${podName}_${dependencies.newId()}`,
  });
  dependencies.metrics.registerGauge("leader", () => ({ [podName]: Number(election.isLeading()) }));
  const readiness = Object.entries(controllers.checks).map(([name, holds]) =>
    [name, () => !election.isLeading() || holds()] as const
  );
  return {
    run: ({ signal, killSignal }) =>
      election.run({
        signal,
        lead: (leading) =>
          controllers.run({ ...leading, killSignal: AbortSignal.any([leading.killSignal, killSignal]) }),
      }),
    readiness: Object.fromEntries(readiness),
    liveness: { leader: election.isHealthy },
    close,
  };
}

/** Logs the error at the start, and not only with the first SBOM. The other destinations are not affected. */
async function checkAuthorities(
  { configMaps, dependencyTrack }: Config,
  { readTextFile, log }: SharedDependencies,
): Promise<void> {
  if (!configMaps.enabled || !dependencyTrack?.server) return;
  try {
    await readAuthorities(dependencyTrack.server.caFile, readTextFile);
  } catch (error) {
    log.error("Dependency-Track gets nothing until its CA certificates can be used", {
      error: describeError(error),
    });
  }
}
