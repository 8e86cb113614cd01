/**
 * The time that a start takes in a large cluster whose token Secrets are all valid, compared with the time that the API server
 * takes to return the two lists that every start needs. Uses a real kube-apiserver.
 *
 * The program's time is from the start of the process until it is idle ({@link untilIdle}), minus the same time in the empty
 * cluster. The rest is what the namespaces cost, from the first list to the last validated Secret. The limit is a bare process
 * that reads the same two lists concurrently, as the program does, in pages of 500, as kubectl and client-go do, and parses them
 * to find the next page.
 *
 * @module
 */
import { namespaceSelector, TOKEN_SECRET_SELECTOR } from "../../controllers/token_secret.ts";
import { TestCluster } from "../fixtures/cluster.ts";
import { createPod } from "../fixtures/pod.ts";
import { type Figure, median } from "./figure.ts";
import { createNamespaces, type ScaleServer, startReal } from "./large_cluster.ts";
import { measureRawLists, type RawList } from "./raw_list.ts";
import type { Scenario } from "./scenario.ts";
import { createProgramBundle, type ProgramBundle, SECRET } from "./scene.ts";
import { startWatched, untilIdle } from "./watched_program.ts";

const NAMESPACES = 20_000;
/** More rounds than requested, because short runs vary. */
const ROUNDS_FACTOR = 3;
const LIMIT_MS = 120_000;

/** The program's lists, with another page size. */
const LISTS: readonly RawList[] = [
  {
    path: `/api/v1/namespaces?labelSelector=${encodeURIComponent(namespaceSelector())}&limit=500`,
    accept: "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
  },
  {
    path: `/api/v1/secrets?fieldSelector=${encodeURIComponent(TOKEN_SECRET_SELECTOR)}&limit=500`,
    accept: "application/json",
  },
];

export function withoutBroker(podEnv: Readonly<Record<string, string>>): Record<string, string> {
  return { ...podEnv, INSIGHTS_TOKEN_SECRET: SECRET, RABBITMQ_ENABLED: "false" };
}

export const measureScale: Scenario = {
  parts: ["kube-apiserver"],
  async run({ rounds, scale, log }) {
    const namespaces = NAMESPACES * scale;
    await using parts = new AsyncDisposableStack();
    const bundle = parts.use(await createProgramBundle());
    const server = parts.use(await startReal());
    const cluster = parts.use(new TestCluster(server));
    const { env } = parts.use(await createPod(server));
    const roundCount = rounds * ROUNDS_FACTOR;
    const empty: number[] = [];
    while (empty.length < roundCount) empty.push(await start(bundle, withoutBroker(env), 0));
    log(`scale, starts in an empty cluster: ${empty.map((seconds) => seconds.toFixed(2)).join(", ")} s`);
    await createNamespaces(cluster, 0, namespaces);
    // Warm up the API server's cache.
    await measureLimit(server, namespaces);
    const values: number[] = [];
    const limits: number[] = [];
    for (let round = 1; round <= roundCount; round++) {
      limits.push(await measureLimit(server, namespaces));
      values.push(await start(bundle, withoutBroker(env), namespaces) - median(empty));
      log(`scale, round ${round}: ${values.at(-1)?.toFixed(2)} s, limit ${limits.at(-1)?.toFixed(2)} s`);
    }
    return [figure(namespaces, values, limits)];
  },
};

function figure(namespaces: number, values: readonly number[], limits: readonly number[]): Figure {
  return {
    name: `${namespaces.toLocaleString("en")} namespaces with good Secrets: start list until idle`,
    unit: "s",
    values,
    limit: { name: "the two lists, read by a bare process", values: limits },
    target: { of: "ratio", kind: "at most", must: 2.5, aim: 1.5 },
  };
}

async function start(
  bundle: ProgramBundle,
  env: Readonly<Record<string, string>>,
  namespaces: number,
): Promise<number> {
  await using program = startWatched(bundle, env);
  return await untilIdle(program, { namespaces, limitMs: LIMIT_MS }) / 1000;
}

async function measureLimit(server: ScaleServer, namespaces: number): Promise<number> {
  const { url, caCertificate, token } = server;
  const { seconds, counts } = await measureRawLists({ url, caCertificate, token, lists: LISTS });
  if (counts.some((count) => count !== namespaces)) {
    throw new Error(`Each list must have ${namespaces} objects; they have ${counts.join(" and ")}`);
  }
  return seconds;
}
