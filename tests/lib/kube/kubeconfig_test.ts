import assert from "node:assert/strict";
import { systemClock } from "../../../lib/clock.ts";
import { kubeconfigAccess } from "../../../lib/kube/kubeconfig.ts";

interface Parts {
  readonly server?: string;
  readonly context?: string;
  readonly cluster?: Record<string, unknown>;
  readonly user?: Record<string, unknown>;
}

/** Writes kubeconfigs, and gives their paths to the test. */
async function withKubeconfigs(
  configs: readonly (Parts | string)[],
  test: (paths: string[]) => Promise<void>,
) {
  const folder = await Deno.makeTempDir();
  try {
    const paths = configs.map((_, index) => `${folder}/${index}.yaml`);
    for (const [index, config] of configs.entries()) await Deno.writeTextFile(paths[index]!, text(config));
    await test(paths);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function text(parts: Parts | string): string {
  if (typeof parts === "string") return parts;
  const { server = "http://127.0.0.1:1", context = "one", cluster = {}, user = { token: "abc" } } = parts;
  return JSON.stringify({
    "current-context": context,
    clusters: [{ name: context, cluster: { server, ...cluster } }],
    users: [{ name: context, user }],
    contexts: [{ name: context, context: { cluster: context, user: context } }],
  });
}

Deno.test("kubeconfigAccess() uses server and token of the current context", async () => {
  await withKubeconfigs([{ server: "https://api.example:6443/" }], async (paths) => {
    const access = kubeconfigAccess(paths, systemClock);
    assert.equal(access.server, "https://api.example:6443");
    assert.deepEqual(await access.headers(), { Authorization: "Bearer abc" });
    access.close();
  });
});

Deno.test("kubeconfigAccess() takes plain HTTP, as kubectl proxy offers it", async () => {
  await withKubeconfigs([{ server: "http://127.0.0.1:8001" }], async (paths) => {
    const access = kubeconfigAccess(paths, systemClock);
    assert.equal(access.server, "http://127.0.0.1:8001");
    assert.deepEqual(await access.headers(), { Authorization: "Bearer abc" });
    access.close();
  });
});

Deno.test("kubeconfigAccess() keeps its connections while the credentials stay the same", async () => {
  await withKubeconfigs([{}], async (paths) => {
    const access = kubeconfigAccess(paths, systemClock);
    const client = await access.httpClient();
    access.invalidate();
    assert.equal(await access.httpClient(), client);
    access.close();
  });
});

Deno.test("of several kubeconfigs, the first one's current context counts", async () => {
  const configs = [{ context: "first", server: "http://first" }, {
    context: "second",
    server: "http://second",
  }];
  await withKubeconfigs(configs, (paths) => {
    const access = kubeconfigAccess(paths, systemClock);
    assert.equal(access.server, "http://first");
    access.close();
    return Promise.resolve();
  });
});

Deno.test("kubeconfigAccess() says what is wrong with a kubeconfig", async () => {
  const wrong: readonly (readonly [Parts | string, RegExp])[] = [
    ["clusters: {", /^Cannot read the kubeconfig .*0\.yaml$/],
    ["{}", /must name one: set a current context$/],
    [
      { server: "https://api", cluster: { "insecure-skip-tls-verify": true } },
      /insecure-skip-tls-verify is not supported/,
    ],
  ];
  for (const [config, message] of wrong) {
    await withKubeconfigs([config], (paths) => {
      assert.throws(() => kubeconfigAccess(paths, systemClock), { code: "kubeconfig", message });
      return Promise.resolve();
    });
  }
  assert.throws(() => kubeconfigAccess(["/nowhere"], systemClock), {
    message: "Cannot read the kubeconfig /nowhere",
  });
});
