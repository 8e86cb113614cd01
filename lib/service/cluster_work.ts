/**
 * What this replica does in the cluster: the controllers, always, or only while it holds the Lease.
 *
 * @module
 */
import { type Controllers, createControllers } from "../../controllers/mod.ts";
import type { ControllersDependencies } from "../../controllers/parts.ts";
import type { Config } from "../config/config.ts";
import { operatorsAuthorities } from "../dependency_track/authorities.ts";
import { describeError } from "../errors.ts";
import { createKubeClient, type KubeClient } from "../kube/client.ts";
import type { ClusterAccess } from "../kube/credentials.ts";
import { createLeaderElection } from "../kube/leader_election.ts";

/** What it works with: all that controllers do, but for the API server, which it opens. */
export interface ClusterWorkDependencies extends Omit<ControllersDependencies, "kube"> {
  /** How to reach the API server; not called when no controller is enabled. */
  readonly openCluster: () => Promise<ClusterAccess>;
}

/** Conditions by name. */
export type Checks = Readonly<Record<string, () => boolean>>;

/** The work, before and while it runs. */
export interface ClusterWork {
  /**
   * Works until `signal` aborts and the work in hand is finished; `killSignal` ends that work, too.
   *
   * @returns `lost` when another replica may lead now, and this one has to start anew.
   */
  run(options: { signal: AbortSignal; killSignal: AbortSignal }): Promise<"stopped" | "lost">;
  /** Conditions for requests to be sent here; a replica that waits for the Lease has none. */
  readonly readiness: Checks;
  /** Conditions for the process to go on. */
  readonly liveness: Checks;
  /** Closes the connections. */
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
 * Makes the work; nothing is sent before `run`.
 *
 * @throws When the credentials, or the pod's namespace, can't be read.
 */
export async function createClusterWork(
  config: Config,
  dependencies: ClusterWorkDependencies,
): Promise<ClusterWork> {
  if (!config.configMaps.enabled && !config.tokens.reconcilerEnabled && !config.scanner) return NO_WORK;
  await checkAuthorities(config, dependencies);
  const access = await dependencies.openCluster();
  const kube = createKubeClient({ access, clock: dependencies.clock });
  const controllers = createControllers({ ...dependencies, kube }, {
    configMaps: config.configMaps.enabled
      ? { ...config.configMaps, track: config.dependencyTrack }
      : undefined,
    tokens: config.tokens.reconcilerEnabled ? config.tokens : undefined,
    scanner: config.scanner,
  });
  if (!config.leaderElection.enabled) {
    return {
      run: (options) => controllers.run(options).then(() => "stopped"),
      readiness: controllers.checks,
      liveness: {},
      close: () => access.close(),
    };
  }
  const namespace = config.leaderElection.namespace || await access.namespace();
  return electedWork(
    { ...dependencies, kube, access, controllers },
    namespace,
    config.leaderElection.podName,
  );
}

/** Told at the start, and not at the first SBOM only. Nothing else stops for it: what fails at one destination holds up no other. */
async function checkAuthorities(
  { configMaps, dependencyTrack }: Config,
  { readTextFile, log }: ClusterWorkDependencies,
): Promise<void> {
  if (!configMaps.enabled || !dependencyTrack?.server) return;
  try {
    await operatorsAuthorities(dependencyTrack.server.caFile, readTextFile).read();
  } catch (error) {
    log.error("Dependency-Track gets nothing until its CA certificates can be used", {
      error: describeError(error),
    });
  }
}

function electedWork(
  parts: ClusterWorkDependencies & {
    readonly kube: KubeClient;
    readonly access: ClusterAccess;
    readonly controllers: Controllers;
  },
  namespace: string,
  podName: string,
): ClusterWork {
  const { kube, access, controllers, metrics } = parts;
  const election = createLeaderElection({
    ...parts,
    client: kube,
    key: { namespace, name: LEASE_NAME },
    // A pod's name comes back when a StatefulSet makes the pod again; this process must not be taken for its past.
    identity: `${podName}_${parts.newId()}`,
  });
  metrics.registerGauge("leader", () => ({ [podName]: Number(election.isLeading()) }));
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
    close: () => access.close(),
  };
}
