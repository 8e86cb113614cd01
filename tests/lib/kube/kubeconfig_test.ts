import assert from "node:assert/strict";
import { readKubeconfig } from "../../../lib/kube/kubeconfig.ts";
import { filesOf } from "../../../lib/kube/kubeconfig_access.ts";

interface Parts {
  readonly name?: string;
  readonly server?: string;
  readonly context?: Record<string, unknown>;
  readonly cluster?: Record<string, unknown>;
  readonly user?: Record<string, unknown>;
}

/** A kubeconfig with one context; JSON is YAML, too. */
function config(
  { name = "one", server = "https://127.0.0.1:1", context, cluster, user }: Parts = {},
): string {
  return JSON.stringify({
    "current-context": name,
    clusters: [{ name, cluster: { server, ...cluster } }],
    users: [{ name, user: user ?? { token: "abc" } }],
    contexts: [{ name, context: { cluster: name, user: name, ...context } }],
  });
}

/** Reads kubeconfigs that are called `/home/0`, `/home/1`, and so on; undefined ones are missing. */
function read(...texts: readonly (string | undefined)[]) {
  return readKubeconfig(texts.map((_, index) => `/home/${index}`), (path) => {
    const text = texts[Number(path.at(-1))];
    return text === undefined ? Promise.reject(new Deno.errors.NotFound()) : Promise.resolve(text);
  });
}

const exec = (fields: Record<string, unknown> = {}) => ({
  exec: { apiVersion: "client.authentication.k8s.io/v1", command: "login", ...fields },
});

Deno.test("readKubeconfig() reads a file as kind writes it", async () => {
  const text = `
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: ${btoa("ca")}
    server: https://127.0.0.1:35321
  name: kind-kind
contexts:
- context:
    cluster: kind-kind
    user: kind-kind
  name: kind-kind
current-context: kind-kind
kind: Config
preferences: {}
users:
- name: kind-kind
  user:
    client-certificate-data: ${btoa("cert")}
    client-key-data: ${btoa("key")}
`;
  assert.deepEqual(await read(text), {
    name: "kind-kind",
    server: "https://127.0.0.1:35321",
    namespace: "default",
    ca: { text: "ca" },
    token: undefined,
    certificate: { cert: { text: "cert" }, key: { text: "key" } },
    exec: undefined,
  });
});

Deno.test("readKubeconfig() gives data that can be handed to a Worker", async () => {
  const context = await read(
    config({ user: exec({ provideClusterInfo: true, env: [{ name: "A", value: "b" }] }) }),
  );
  assert.deepEqual(structuredClone(context), context);
});

Deno.test("of several kubeconfigs, the first one's current context and entries count as a whole", async () => {
  const first = config({ user: { token: "first" }, context: { namespace: "lagoon" } });
  const second = config({
    server: "https://second",
    user: { tokenFile: "/second" },
    cluster: { "proxy-url": "x" },
  });
  const context = await read(first, second);
  assert.equal(context.server, "https://127.0.0.1:1");
  assert.deepEqual(context.token, { text: "first" });
  assert.equal(context.namespace, "lagoon");
});

Deno.test("what the first kubeconfig only names is taken from the others, and missing files are passed over", async () => {
  const names = JSON.stringify({ "current-context": "two", contexts: null });
  assert.equal((await read(undefined, names, config({ name: "two" }))).name, "two");
});

Deno.test("paths are relative to the kubeconfig that has them", async () => {
  const files = { "client-certificate": "pki/cert", "client-key": "../key", tokenFile: "/run/token" };
  const context = await read(config({ cluster: { "certificate-authority": "ca" }, user: files }));
  assert.deepEqual(filesOf(context), ["/home/ca", "/run/token", "/home/pki/cert", "/home/../key"]);
  const command = async (text: string) =>
    (await read(config({ user: exec({ command: text }) }))).exec?.command;
  assert.deepEqual([await command("./login"), await command("login"), await command("/bin/login")], [
    "/home/./login",
    "login",
    "/bin/login",
  ]);
});

Deno.test("data counts before a file, and a token's file before a token", async () => {
  const data = { "certificate-authority": "ca", "certificate-authority-data": btoa("inline") };
  const context = await read(config({ cluster: data, user: { token: "abc", tokenFile: "token" } }));
  assert.deepEqual(context.ca, { text: "inline" });
  assert.deepEqual(context.token, { file: "/home/token" });
});

Deno.test("readKubeconfig() reads an exec plugin with all that it can be told", async () => {
  const user = exec({
    args: ["get", "token"],
    env: [{ name: "A", value: "b" }],
    installHint: "get it",
    interactiveMode: "IfAvailable",
    provideClusterInfo: true,
  });
  const extensions = [{ name: "client.authentication.k8s.io/exec", extension: { region: "here" } }];
  assert.deepEqual((await read(config({ user, cluster: { extensions } }))).exec, {
    apiVersion: "client.authentication.k8s.io/v1",
    command: "login",
    args: ["get", "token"],
    env: { A: "b" },
    installHint: "get it",
    clusterInfo: { config: { region: "here" } },
  });
});

Deno.test("plain HTTP needs nothing of TLS, as `kubectl proxy` offers it", async () => {
  const cluster = { "insecure-skip-tls-verify": true, "tls-server-name": "a" };
  const context = await read(config({ server: "http://127.0.0.1:8001/", cluster }));
  assert.equal(context.server, "http://127.0.0.1:8001");
});

Deno.test("fields that are false or empty count as missing", async () => {
  const cluster = { "insecure-skip-tls-verify": false, "proxy-url": "" };
  const user = { token: "abc", as: "", "as-groups": [], "auth-provider": null, exec: null };
  assert.deepEqual((await read(config({ cluster, user }))).token, { text: "abc" });
});

Deno.test("readKubeconfig() refuses what it doesn't support, and names the field and what to do", async () => {
  const cluster = [["insecure-skip-tls-verify", true], ["tls-server-name", "a"], [
    "proxy-url",
    "http://a",
  ]] as const;
  const user = [
    ["auth-provider", { name: "gcp" }],
    ["username", "a"],
    ["password", "a"],
    ["as", "a"],
    ["as-uid", "a"],
    ["as-groups", ["a"]],
    ["as-user-extra", { a: ["b"] }],
  ] as const;
  const wrong = [
    ...cluster.map(([field, value]) => ["cluster", field, { cluster: { [field]: value } }] as const),
    ...user.map(([field, value]) => ["user", field, { user: { [field]: value } }] as const),
  ];
  for (const [kind, field, parts] of wrong) {
    const message = new RegExp(
      `^Cannot use ${kind} "one" of the kubeconfig as ${field} is not supported: \\w+`,
    );
    await assert.rejects(read(config(parts)), { code: "kubeconfig", message }, field);
  }
});

Deno.test("readKubeconfig() says what is wrong with a kubeconfig, without what it holds", async () => {
  const wrong: readonly (readonly [string | undefined, string])[] = [
    ["a: b\ntoken: [s3cret", "Cannot read the kubeconfig /home/0 as line 2 is not YAML"],
    ["s3cret", "Cannot use the kubeconfig /home/0 as it must be a mapping"],
    [undefined, "Cannot find the kubeconfig /home/0: create it, or set KUBECONFIG to another one"],
    [
      "",
      "Cannot find the API server as /home/0 must have a current context: kubectl config use-context NAME",
    ],
    [
      '{ "current-context": "a" }',
      'Cannot use the kubeconfig as it must have context "a", which it names',
    ],
    [
      config({ context: { cluster: "b" } }),
      'Cannot use the kubeconfig as it must have cluster "b", which it names',
    ],
    [
      config({ context: { user: "b" } }),
      'Cannot use the kubeconfig as it must have user "b", which it names',
    ],
    [
      config({ server: "user:s3cret@a" }),
      'Cannot use cluster "one" of the kubeconfig as its server must be a URL that begins with http:// or https://, without a user',
    ],
    [
      config({ user: { "client-certificate-data": btoa("s3cret") } }),
      'Cannot use user "one" of the kubeconfig as it must have both a client certificate and its key, or neither',
    ],
    [
      config({ user: { "client-key-data": "s3cret!" } }),
      'Cannot use user "one" of the kubeconfig as client-key-data must be base64',
    ],
    [
      config({ user: { token: ["s3cret"] } }),
      'Cannot use user "one" of the kubeconfig as token must be text',
    ],
    [
      config({ user: exec({ apiVersion: "client.authentication.k8s.io/v1alpha1" }) }),
      'Cannot use exec of user "one" of the kubeconfig as its apiVersion must be one of client.authentication.k8s.io/v1, client.authentication.k8s.io/v1beta1',
    ],
    [
      config({ user: exec({ command: "" }) }),
      'Cannot use exec of user "one" of the kubeconfig as it must have a command',
    ],
    [
      config({ user: exec({ interactiveMode: "Always" }) }),
      'Cannot use exec of user "one" of the kubeconfig as its interactiveMode must not be Always: nobody can answer it',
    ],
    [
      config({ user: exec({ args: "s3cret" }) }),
      'Cannot use exec of user "one" of the kubeconfig as args must be a list',
    ],
  ];
  for (const [text, message] of wrong) {
    await assert.rejects(read(text), { code: "kubeconfig", message });
  }
  await assert.rejects(read(), { message: "Cannot find a kubeconfig: set KUBECONFIG or HOME" });
  const unreadable = readKubeconfig(["/a"], () => Promise.reject(new Deno.errors.PermissionDenied("no")));
  await assert.rejects(unreadable, { message: "Cannot read the kubeconfig /a" });
});
