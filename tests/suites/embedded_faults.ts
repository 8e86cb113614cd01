/**
 * Fault tests on the embedded API server: the running program, and helpers that direct faults at it alone.
 *
 * @module
 */
import assert from "node:assert/strict";
import v8 from "node:v8";
import vm from "node:vm";
import {
  type ApiServer,
  type ApiServerOptions,
  type RequestRecord,
  startApiServer,
} from "../fixtures/api_server/mod.ts";
import { ManualClock, turn } from "../fixtures/clock.ts";
import { type FaultScene, PROGRAM_TOKEN, type SceneOptions, startFaultScene } from "./fault_scene.ts";

/** A scene with the embedded API server, on the same clock. */
export type EmbeddedScene = FaultScene & { readonly server: ApiServer };

/** The resources that the program watches. */
export const RESOURCES: readonly string[] = ["configmaps", "namespaces", "secrets"];

/** Turns of the event loop within which the program notices a broken watch. */
const MOST_TURNS = 5_000;

/** The log line of a watch whose connection broke. */
export const BROKEN_OFF = /^Watch interrupted: (\w+): Cannot watch \1: error reading a body/;

/** Registers a test of the running program; its watches are open when the test starts. */
export function testFault(story: string, run: (scene: EmbeddedScene) => Promise<void>): void {
  Deno.test(`embedded API server: ${story}`, async () => {
    await using scene = await startEmbeddedScene();
    await run(scene);
    // No layer below the client repeats requests.
    assert.ok(watches(scene.server).length <= scene.asked.filter(({ verb }) => verb === "watch").length);
  });
}

/** Starts server and program. */
export async function startEmbeddedScene(
  { tls, ...options }: Partial<SceneOptions> & Pick<ApiServerOptions, "tls"> = {},
): Promise<EmbeddedScene> {
  const clock = new ManualClock();
  await using stack = new AsyncDisposableStack();
  const server = stack.use(startApiServer({ clock, ...(tls ? { tls } : {}) }));
  const { url } = server;
  const scene = stack.use(
    await startFaultScene({ url, token: "test-token", namespace: "proj-main", clock, ...options }),
  );
  await server.until(() => watches(server).length === RESOURCES.length);
  const owned = stack.move();
  return { ...scene, server, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** The program's watches that the server has answered; the test's own watches are of one namespace. */
export function watches({ requests }: ApiServer): readonly RequestRecord[] {
  return requests.filter(({ verb, path }) => verb === "watch" && /^\/api\/v1\/\w+$/.test(path));
}

/** Number of lists or watches that the program has asked for; each page of a list counts. */
export function count({ asked }: FaultScene, verb: "list" | "watch", resource: string): number {
  return asked.filter((one) => one.verb === verb && one.resource === resource).length;
}

/** Matches the program's requests. */
export function isProgram(request: Request): boolean {
  return request.headers.get("authorization") === `Bearer ${PROGRAM_TOKEN}`;
}

/** Matches the program's watches of one resource. */
export function isWatchOf(resource: string): (request: Request) => boolean {
  return ({ url }) => new URL(url).pathname === `/api/v1/${resource}` && url.includes("watch=true");
}

/** Breaks all watches, and waits until the program has noticed; it retries after a second or more. */
export async function breakWatches({ server, log, pass }: EmbeddedScene): Promise<void> {
  const before = log.with("Watch interrupted").length;
  server.dropWatches();
  const areNoticed = () => log.with("Watch interrupted").length >= before + RESOURCES.length;
  for (let turns = 0; !areNoticed(); turns++) {
    assert.ok(turns < MOST_TURNS, "the program has not noticed that its watches broke");
    await pass(1);
  }
}

/** Collects garbage, including what only weak references hold. */
export async function collectGarbage(): Promise<void> {
  v8.setFlagsFromString("--expose-gc");
  const collect = vm.runInNewContext("gc");
  for (let round = 0; round < 5; round++) {
    // A weak reference that was just used keeps its target until the next turn.
    await turn();
    collect();
  }
}
