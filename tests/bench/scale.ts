/**
 * A start in a large cluster whose token Secrets are all good, on a real kube-apiserver: how long it takes until there is
 * nothing left to do, beside what the API server needs to answer the two lists that no start can do without.
 *
 * The program's time is from its start as a process until it is idle ({@link untilIdle}), less the same with the same
 * program and API server before the first namespace was there: what is left is what the namespaces cost, from the first
 * list to the last Secret that was found good. The limit is a bare process that reads the same two lists, at the same time as
 * the program does, in pages of 500 as kubectl and client-go do, and parses them to find the next page.
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
/** A start takes a second, and the limit is now and then faster by a third: so many times the rounds that are asked for. */
const ROUNDS_FACTOR = 3;
const LIMIT_MS = 120_000;

/** What the program asks for, but for the size of pages. */
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

/** Variables of a program in a cluster that needs no broker: nothing is sent. */
export function withoutBroker(podEnv: Readonly<Record<string, string>>): Record<string, string> {
  return { ...podEnv, INSIGHTS_TOKEN_SECRET: SECRET, RABBITMQ_ENABLED: "false" };
}

/** Measures a start. */
export const measureScale: Scenario = {
  parts: ["kube-apiserver"],
  async run({ rounds, scale, tell }) {
    const namespaces = NAMESPACES * scale;
    await using parts = new AsyncDisposableStack();
    const bundle = parts.use(await createProgramBundle());
    const server = parts.use(await startReal());
    const cluster = parts.use(new TestCluster(server));
    const { env } = parts.use(await createPod(server));
    const most = rounds * ROUNDS_FACTOR;
    const empty: number[] = [];
    while (empty.length < most) empty.push(await start(bundle, withoutBroker(env), 0));
    tell(`scale, starts in an empty cluster: ${empty.map((seconds) => seconds.toFixed(2)).join(", ")} s`);
    await createNamespaces(cluster, 0, namespaces);
    // A list that is the first of its kind finds nothing in the API server's memory.
    await measureLimit(server, namespaces);
    const values: number[] = [];
    const limits: number[] = [];
    for (let round = 1; round <= most; round++) {
      limits.push(await measureLimit(server, namespaces));
      values.push(await start(bundle, withoutBroker(env), namespaces) - median(empty));
      tell(`scale, round ${round}: ${values.at(-1)?.toFixed(2)} s, limit ${limits.at(-1)?.toFixed(2)} s`);
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
    throw new Error(`${namespaces} of both should be there, not ${counts}`);
  }
  return seconds;
}
