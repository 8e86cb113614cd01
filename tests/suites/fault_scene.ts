/**
 * The scene of fault tests: the program's controllers on a manual clock, and between them and an embedded or real API
 * server a proxy that fails. The test's own requests bypass the proxy.
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

/** The program's token where the server accepts any; the test's requests have another. */
export const PROGRAM_TOKEN = "program-token";

/** Options of {@link startFaultScene}. */
export interface SceneOptions {
  /** For the test's own requests. */
  readonly url: string;
  readonly token: string;
  readonly caCertificate?: string;
  /** The namespace of the ConfigMaps, which is created. */
  readonly namespace: string;
  readonly clock: ManualClock;
  /** How the program reaches the API server. @default with PROGRAM_TOKEN, or over TLS with `token` */
  readonly access?: (proxy: TcpProxy, clock: ManualClock) => ClusterAccess;
}

/** A list or watch that the program has asked for, even if the request failed. */
export interface Asked {
  readonly verb: "list" | "watch";
  readonly resource: string;
  /** Simulated milliseconds. */
  readonly at: number;
  /** Whether it is a further page of a list. */
  readonly continues: boolean;
}

/** The running program. Disposing of it stops it. */
export interface FaultScene extends AsyncDisposable {
  readonly cluster: TestCluster;
  readonly namespace: string;
  readonly proxy: TcpProxy;
  readonly clock: ManualClock;
  readonly publisher: RecordingPublisher;
  readonly log: MemoryLogger;
  readonly asked: Asked[];
  /** By name, whether each watch is synced and alive. */
  readonly checks: Readonly<Record<string, () => boolean>>;
  /** Creates a ConfigMap to send; its name is the service in its message. */
  create(name: string): Promise<void>;
  /** Names of the ConfigMaps that were sent, in order. */
  sent(): string[];
  /** Advances simulated time; it pauses for every request that can be answered. */
  pass(milliseconds: number): Promise<void>;
  /**
   * Advances simulated time second by second until something holds.
   *
   * @returns The simulated milliseconds that this took.
   * @throws {Error} After `limitMs`, by default two minutes.
   */
  passUntil(holds: () => boolean | Promise<boolean>, limitMs?: number): Promise<number>;
  /** Waits until all of these are sent and marked; returns the simulated milliseconds. */
  untilSent(...names: string[]): Promise<number>;
  /**
   * Checks that exactly these were sent, each once, that nothing waits, that requests were not repeated too fast, and
   * that all warnings and errors are expected.
   */
  verify(names: readonly string[], expectedTrouble: readonly RegExp[]): Promise<void>;
}

const STEP_MS = 1_000;
/** Turns of the event loop within which an event of a watch arrives, and the most turns to wait for requests. */
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

/** Warnings and errors, one line each. */
export function trouble(log: MemoryLogger): string[] {
  return log.lines.filter(({ level }) => level === "warn" || level === "error")
    .map(({ message, fields }) =>
      `${message}: ${fields.resource ?? fields.object ?? ""}: ${fields.error ?? ""}`
    );
}

/** At most one list and one watch of each resource per second; further pages of a list may follow at once. */
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
  /** Whether a request other than a watch is in flight. */
  isBusy(): boolean;
}

/** Records lists and watches, with the time of the request. */
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
  /** Requests have a simulated timeout, so time must not pass while they can be answered. */
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
      if (clock.now() - began >= limitMs) throw new Error(`Not so after ${limitMs} simulated ms: ${holds}`);
      await pass(STEP_MS);
    }
    return clock.now() - began;
  }

  return { pass, passUntil };
}
