/**
 * Runs the conformance suite on the embedded API server and on a real one, so that both behave the same.
 *
 * @module
 */
import { startApiServer } from "../fixtures/api_server/mod.ts";
import { ASSETS_VARIABLE, startKubeApiserver } from "../fixtures/kube_apiserver.ts";
import { apiConformance, type ApiServerUnderTest } from "../suites/api_conformance.ts";

apiConformance("the embedded server", startEmbedded);

const assets = Deno.env.get(ASSETS_VARIABLE);
if (assets || Deno.env.get("CI") === "true") {
  // In CI a missing variable fails in startKubeApiserver, so that a skipped suite cannot pass unnoticed.
  apiConformance("kube-apiserver", startKubeApiserver);
} else {
  Deno.test({
    name: `API conformance of kube-apiserver (ignored: ${ASSETS_VARIABLE} is not set)`,
    ignore: true,
    fn() {},
  });
}

function startEmbedded(): Promise<ApiServerUnderTest> {
  const token = "a-token";
  const server = startApiServer({ token });
  return Promise.resolve({
    url: server.url,
    token,
    compact: () => Promise.resolve(server.compact()),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  });
}
