/**
 * The behaviour of a Kubernetes API server that controllers rely on, as tests that run unchanged against the embedded
 * server and a real one, with plain `fetch`. They pin only what both have in common.
 *
 * @module
 */
import { APPLY } from "../fixtures/api_server/conformance/apply.ts";
import { CREATE } from "../fixtures/api_server/conformance/create.ts";
import { DELETE } from "../fixtures/api_server/conformance/delete.ts";
import { LIST } from "../fixtures/api_server/conformance/list.ts";
import { PATCH } from "../fixtures/api_server/conformance/patch.ts";
import { PODS } from "../fixtures/api_server/conformance/pods.ts";
import { READ } from "../fixtures/api_server/conformance/read.ts";
import { REVIEWS } from "../fixtures/api_server/conformance/reviews.ts";
import {
  type ApiServerUnderTest,
  type Behaviours,
  createScene,
} from "../fixtures/api_server/conformance/scene.ts";
import { UPDATE } from "../fixtures/api_server/conformance/update.ts";
import { VALIDATION } from "../fixtures/api_server/conformance/validation.ts";
import { WATCH } from "../fixtures/api_server/conformance/watch.ts";

export type { ApiServerUnderTest } from "../fixtures/api_server/conformance/scene.ts";

const TOPICS: Readonly<Record<string, Behaviours>> = {
  create: CREATE,
  read: READ,
  update: UPDATE,
  patch: PATCH,
  apply: APPLY,
  delete: DELETE,
  validation: VALIDATION,
  list: LIST,
  watch: WATCH,
  reviews: REVIEWS,
  pods: PODS,
};

/**
 * Registers the suite as one test with a step per behaviour, so that the server starts once. Each step has its own
 * namespace.
 *
 * @param name The server, in the name of the test.
 * @param start Called once; the suite disposes of the server.
 */
export function apiConformance(name: string, start: () => Promise<ApiServerUnderTest>): void {
  Deno.test(`API conformance of ${name}`, async (test) => {
    await using server = await start();
    using httpClient = server.caCertificate === undefined
      ? undefined
      : Deno.createHttpClient({ caCerts: [server.caCertificate] });
    const access = { url: server.url, token: server.token, httpClient };
    for (const [topic, behaviours] of Object.entries(TOPICS)) {
      for (const [behaviour, check] of Object.entries(behaviours)) {
        await test.step(
          `${topic}: ${behaviour}`,
          async () => await check(await createScene(server, access)),
        );
      }
    }
  });
}
