/** Which hosts sites may name; everything else about targets is in tests/suites/track_site_suite.ts. */
import assert from "node:assert/strict";
import { customTarget } from "../../controllers/dependency_track_targets.ts";
import { hostPorts } from "../../lib/config/values.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { MemoryLogger } from "../fixtures/recorders.ts";

const { signal } = new AbortController();
const SECRET = {
  metadata: { namespace: "main", name: "lagoon-env", uid: "1", resourceVersion: "1" },
  data: { LAGOON_FEATURE_FLAG_INSIGHTS_DEPENDENCY_TRACK_API_KEY: btoa("site-key") },
};
const kube = { get: () => Promise.resolve(SECRET) } as unknown as KubeClient;

/** Finds the server of an SBOM that names `endpoint`, where the operator allows `allowed`. */
async function resolve(endpoint: string, allowed: string): Promise<string | undefined> {
  const target = customTarget({ kube, log: new MemoryLogger() }, {
    allowedHosts: hostPorts.parse(allowed),
    allowHttp: true,
    prodOnly: false,
    allowsAddress: () => true,
  });
  const annotations = { "dependencytrack.insights.lagoon.sh/custom-endpoint": endpoint };
  const metadata = { namespace: "main", name: "sbom", uid: "1", resourceVersion: "1", annotations };
  return (await target.resolve(metadata, {}, signal))?.endpoint.host;
}

for (
  const [allowed, endpoint, host] of [
    ["Track.example", "https://track.EXAMPLE/base", "track.example"],
    ["track.example", "https://track.example:443", "track.example"],
    ["track.example", "http://track.example", "track.example"],
    ["track.example:443", "https://track.example", "track.example"],
    ["track.example:8443", "https://track.example:8443", "track.example:8443"],
    ["11.22.33.44", "https://11.22.33.44", "11.22.33.44"],
    ["[2606:4700:0::1]", "https://[2606:4700::1]", "[2606:4700::1]"],
    ["[2606:4700::1]:8443", "https://[2606:4700:0:0::1]:8443", "[2606:4700::1]:8443"],
    ["bücher.example", "https://bücher.example", "xn--bcher-kva.example"],
    ["BÜCHER.example:8443", "https://xn--bcher-kva.example:8443", "xn--bcher-kva.example:8443"],
  ] as const
) {
  Deno.test(`${endpoint} is allowed by ${allowed}`, async () => {
    assert.equal(await resolve(endpoint, `other.example, ${allowed}`), host);
  });
}

for (
  const [allowed, endpoint] of [
    ["", "https://track.example"],
    ["track.example", "https://track.example.evil.example"],
    ["track.example", "https://evil.track.example"],
    ["track.example", "https://track.example:8443"],
    ["track.example:8443", "https://track.example"],
    ["track.example:443", "http://track.example"],
    ["[2606:4700::1]", "https://[2606:4700::2]"],
    ["[2606:4700::1]:8443", "https://[2606:4700::1]"],
  ] as const
) {
  Deno.test(`${endpoint} is not allowed by ${allowed || "nothing"}`, async () => {
    await assert.rejects(resolve(endpoint, allowed), {
      code: "track-endpoint",
      message: /is not allowed in/,
    });
  });
}
