/**
 * Fault tests on the embedded API server: the running program, and helpers to aim faults at it alone.
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

/** A scene whose API server is the embedded one, on the same clock. */
export type EmbeddedScene = FaultScene & { readonly server: ApiServer };

/** What the program watches. */
export const RESOURCES: readonly string[] = ["configmaps", "namespaces", "secrets"];

/** What is said of a watch whose connection broke off. */
export const BROKEN_OFF = /^Watch interrupted: (\w+): Cannot watch \1: error reading a body/;

/** Registers a test of the running program, whose watches are open when it begins. */
export function testFault(story: string, run: (scene: EmbeddedScene) => Promise<void>): void {
  Deno.test(`embedded API server: ${story}`, async () => {
    await using scene = await startEmbeddedScene();
    await run(scene);
    // Nothing below the client repeats requests: what arrived is no more than what was asked for.
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

/** The program's watches that the server has answered; those of a test are of one namespace. */
export function watches({ requests }: ApiServer): readonly RequestRecord[] {
  return requests.filter(({ verb, path }) => verb === "watch" && /^\/api\/v1\/\w+$/.test(path));
}

/** How often the program has asked for something, pages of a list counted one by one. */
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

/** Breaks all watches off, and waits until the program has noticed; it asks again a second later at the earliest. */
export async function breakWatches({ server, log, pass }: EmbeddedScene): Promise<void> {
  const before = log.with("Watch interrupted").length;
  server.dropWatches();
  while (log.with("Watch interrupted").length < before + RESOURCES.length) await pass(1);
}

/** Collects garbage, as happens sooner or later: what only weak references hold is gone then. */
export async function collectGarbage(): Promise<void> {
  v8.setFlagsFromString("--expose-gc");
  const collect = vm.runInNewContext("gc");
  for (let round = 0; round < 5; round++) {
    // A weak reference that was just used holds on until the next turn.
    await turn();
    collect();
  }
}
