/**
 * What the fault tests run on: the program's controllers on a clock of the test's, and a proxy that fails between them
 * and an API server, embedded or real. The test's own requests don't go through the proxy.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createControllers } from "../../controllers/mod.ts";
import { createKubeClient, type KubeClient, type ListOptions } from "../../lib/kube/client.ts";
import type { ClusterAccess } from "../../lib/kube/credentials.ts";
import type { PartialObject, Resource } from "../../lib/kube/objects.ts";
import { createMetrics } from "../../lib/metrics.ts";
import { ManualClock, turn } from "../fixtures/clock.ts";
import { TestCluster } from "../fixtures/cluster.ts";
import { LAGOON_NAMESPACE_LABELS, SBOM_LABELS, sbomConfigMap } from "../fixtures/objects.ts";
import { MemoryLogger, RecordingPublisher } from "../fixtures/recorders.ts";
import { startTcpProxy, type TcpProxy } from "../fixtures/tcp_proxy.ts";

/** The token with which the program comes, where any token will do; a test's requests have another one. */
export const PROGRAM_TOKEN = "program-token";

/** What a scene is made of. */
export interface SceneOptions {
  /** For the test's own requests. */
  readonly url: string;
  readonly token: string;
  readonly caCertificate?: string;
  /** The environment in which ConfigMaps are created; made here, so it must not exist. */
  readonly namespace: string;
  readonly clock: ManualClock;
  /** How the program reaches the API server. @default with PROGRAM_TOKEN, or over TLS with `token` */
  readonly access?: (proxy: TcpProxy, clock: ManualClock) => ClusterAccess;
}

/** A list or watch that the program has asked for, whether it got through or not. */
export interface Asked {
  readonly verb: "list" | "watch";
  readonly resource: string;
  /** Simulated milliseconds. */
  readonly at: number;
  /** A further page of a list. */
  readonly continues: boolean;
}

/** The running program, and what can be done to it. Disposing of it stops it. */
export interface FaultScene extends AsyncDisposable {
  readonly cluster: TestCluster;
  readonly namespace: string;
  readonly proxy: TcpProxy;
  readonly clock: ManualClock;
  readonly publisher: RecordingPublisher;
  readonly log: MemoryLogger;
  readonly asked: Asked[];
  /** By name, whether each watch knows of everything and is alive. */
  readonly checks: Readonly<Record<string, () => boolean>>;
  /** Creates a ConfigMap that is to be sent; its name is the service in its message. */
  create(name: string): Promise<void>;
  /** Names of what was sent, in order. */
  sent(): string[];
  /** Lets simulated time go by; requests that can be answered are, before it goes on. */
  pass(milliseconds: number): Promise<void>;
  /**
   * Lets simulated time go by, a second at a time, until something holds.
   *
   * @returns How long that took, in simulated milliseconds.
   * @throws {Error} After `limitMs`, by default two minutes.
   */
  passUntil(holds: () => boolean | Promise<boolean>, limitMs?: number): Promise<number>;
  /** Waits until all these are sent and marked, and gives the simulated time. */
  untilSent(...names: string[]): Promise<number>;
  /**
   * Checks that exactly these were sent, each once, that nothing waits, that there was no storm of requests, and that
   * warnings and errors are expected ones.
   */
  verify(names: readonly string[], expectedTrouble: readonly RegExp[]): Promise<void>;
}

const STEP_MS = 1_000;
/** Turns of the event loop in which an event of a watch arrives; and for which at most requests are waited for. */
const TURNS_TO_ARRIVE = 10;
const MOST_TURNS = 5_000;
const PROCESSED = "lagoon.sh/insightsProcessed";

/** Starts the controllers; all watches are open when it resolves. */
export async function startFaultScene(options: SceneOptions): Promise<FaultScene> {
  const { clock, namespace, url } = options;
  await using stack = new AsyncDisposableStack();
  const cluster = stack.use(new TestCluster(options));
  await cluster.createNamespace(namespace, LAGOON_NAMESPACE_LABELS);
  const proxy = stack.use(startTcpProxy({ port: Number(new URL(url).port) }));
  const program = stack.use(
    startProgram(options.access?.(proxy, clock) ?? throughProxy(options, proxy), clock),
  );
  const { publisher, log, asked, checks } = program;
  const time = createPassing(clock, proxy, program.isBusy);
  await time.passUntil(async () =>
    Object.values(checks).every((isAlive) => isAlive()) &&
    await cluster.get("secrets", namespace, "insights-token") !== undefined
  );

  const sent = () => publisher.of(namespace).map(({ service }) => String(service));
  const isMarked = async () =>
    (await cluster.list("configmaps", namespace)).every(({ metadata: { labels = {} } }) =>
      !("lagoon.sh/insightsType" in labels) || PROCESSED in labels
    );
  const owned = stack.move();
  return {
    ...{ cluster, namespace, proxy, clock, publisher, log, asked, checks, sent, ...time },
    create: async (name) => {
      const labels = { ...SBOM_LABELS, "lagoon.sh/service": name };
      await cluster.create("configmaps", namespace, sbomConfigMap({ name, labels }));
    },
    untilSent: (...names) =>
      time.passUntil(async () => new Set(names).isSubsetOf(new Set(sent())) && await isMarked()),
    async verify(names, expectedTrouble) {
      assert.deepEqual(sent().toSorted(), [...names].toSorted());
      assert.ok(await isMarked(), "a ConfigMap was sent but is not marked");
      assertNoStorm(asked);
      assert.deepEqual(trouble(log).filter((line) => !expectedTrouble.some((known) => known.test(line))), []);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function startProgram(access: ClusterAccess, clock: ManualClock) {
  const observed = observe(createKubeClient({ access, clock }), clock);
  const publisher = new RecordingPublisher();
  const log = new MemoryLogger();
  const { run, checks } = createControllers(
    {
      kube: observed.client,
      publisher,
      clock,
      random: () => 0,
      newId: () => crypto.randomUUID(),
      metrics: createMetrics(),
      log,
      readTextFile: Deno.readTextFile,
    },
    { configMaps: CONFIG_MAPS, tokens: { secret: "the-secret-of-the-fault-tests" } },
  );
  const stop = new AbortController();
  const running = run({ signal: stop.signal, killSignal: stop.signal });
  return {
    ...observed,
    ...{ publisher, log, checks },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      access.close();
    },
  };
}

const CONFIG_MAPS = {
  burnAfterReading: false,
  deferredEnabled: true,
  maxRetries: 0,
  retryDelayMs: 5 * 60 * 1000,
  coreOptIn: false,
  maxBytesInFlight: 6_000_000,
  maxConcurrent: 2,
};

function throughProxy({ url, token, caCertificate }: SceneOptions, { port }: TcpProxy): ClusterAccess {
  const { protocol } = new URL(url);
  using cluster = new TestCluster({ url: `${protocol}//127.0.0.1:${port}`, token, caCertificate });
  return cluster.access(caCertificate ? token : PROGRAM_TOKEN);
}

/** Warnings and errors, each as one line. */
export function trouble(log: MemoryLogger): string[] {
  return log.lines.filter(({ level }) => level === "warn" || level === "error")
    .map(({ message, fields }) =>
      `${message}: ${fields.resource ?? fields.object ?? ""}: ${fields.error ?? ""}`
    );
}

/** At most one list and one watch of each resource in a second; further pages of a list follow at once. */
export function assertNoStorm(asked: readonly Asked[]): void {
  const last = new Map<string, number>();
  for (const { verb, resource, at, continues } of asked) {
    if (continues) continue;
    const since = at - (last.get(`${verb} ${resource}`) ?? Number.NEGATIVE_INFINITY);
    assert.ok(since >= 1_000, `${verb} ${resource} was asked again after ${since} ms`);
    last.set(`${verb} ${resource}`, at);
  }
}

interface Observed {
  readonly client: KubeClient;
  readonly asked: Asked[];
  /** Whether a request other than a watch waits for its answer. */
  isBusy(): boolean;
}

/** Notes lists and watches at the time they are asked for. */
function observe(kube: KubeClient, clock: ManualClock): Observed {
  const asked: Asked[] = [];
  let busy = 0;
  type Call = (...parameters: unknown[]) => unknown;
  const client = new Proxy(kube, {
    get: (target, verb: string) => (...parameters: unknown[]) => {
      if (verb === "list" || verb === "watch") {
        const [{ plural }, { continueToken }] = parameters as [Resource<PartialObject>, ListOptions];
        asked.push({ verb, resource: plural, at: clock.now(), continues: continueToken !== undefined });
      }
      const result = (Reflect.get(target, verb) as Call)(...parameters);
      if (!(result instanceof Promise)) return result;
      busy += 1;
      return result.finally(() => busy -= 1);
    },
  });
  return { client, asked, isBusy: () => busy > 0 };
}

function createPassing(
  clock: ManualClock,
  proxy: TcpProxy,
  isBusy: () => boolean,
): Pick<FaultScene, "pass" | "passUntil"> {
  /** Requests have a limit in simulated time: while they can be answered, it must not go by. */
  async function settle(leastTurns: number): Promise<void> {
    const isWaiting = () => isBusy() && !(proxy.deadCount > 0);
    for (let turns = 0; turns < leastTurns || isWaiting() && turns < MOST_TURNS; turns++) await turn();
  }

  async function pass(milliseconds: number): Promise<void> {
    for (let left = milliseconds; left > 0; left -= STEP_MS) {
      await settle(1);
      await clock.advance(Math.min(STEP_MS, left));
    }
    await settle(TURNS_TO_ARRIVE);
  }

  async function passUntil(holds: () => boolean | Promise<boolean>, limitMs = 120_000): Promise<number> {
    const began = clock.now();
    await settle(TURNS_TO_ARRIVE);
    while (!await holds()) {
      if (clock.now() - began >= limitMs) throw new Error(`Waited ${limitMs} simulated ms in vain: ${holds}`);
      await pass(STEP_MS);
    }
    return clock.now() - began;
  }

  return { pass, passUntil };
}
