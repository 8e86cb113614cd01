import assert from "node:assert/strict";
import { type Kubeconfig, readKubeconfig } from "../../../lib/kube/kubeconfig.ts";
import { ManualClock } from "../../fixtures/clock.ts";

interface Parts {
  readonly name?: string;
  readonly server?: string;
  readonly context?: Record<string, unknown>;
  readonly cluster?: Record<string, unknown>;
  readonly user?: Record<string, unknown> | null;
}

/** A kubeconfig with one context; JSON is YAML, too. */
function config(
  { name = "one", server = "https://127.0.0.1:1", context, cluster, user }: Parts = {},
): string {
  return JSON.stringify({
    "current-context": name,
    clusters: [{ name, cluster: { server, ...cluster } }],
    users: [{ name, user: user === undefined ? { token: "abc" } : user }],
    contexts: [{ name, context: { cluster: name, user: name, ...context } }],
  });
}

const exec = (fields: Record<string, unknown> = {}) => ({
  exec: { apiVersion: "client.authentication.k8s.io/v1", command: "./login.sh", ...fields },
});

let folder = "";
Deno.test.beforeEach(async () => {
  folder = await Deno.makeTempDir();
});
Deno.test.afterEach(() => Deno.remove(folder, { recursive: true }));

const write = (name: string, content: string | Uint8Array) =>
  typeof content === "string"
    ? Deno.writeTextFile(`${folder}/${name}`, content, { mode: 0o700 })
    : Deno.writeFile(`${folder}/${name}`, content);

/** Writes kubeconfigs to the files 0, 1, and so on, and reads them together; undefined ones are missing. */
async function read(...contents: readonly (string | Uint8Array | undefined)[]): Promise<Kubeconfig> {
  for (const [index, content] of contents.entries()) {
    if (content !== undefined) await write(String(index), content);
  }
  return await readKubeconfig(contents.map((_, index) => `${folder}/${index}`), clock);
}

const clock = new ManualClock();
const signal = new AbortController().signal;
const credentials = (kubeconfig: Kubeconfig, refused = false) =>
  kubeconfig.readCredentials({ refused, signal });
const tokenOf = async (content: string | Uint8Array) => (await credentials(await read(content))).token;

Deno.test("readKubeconfig() reads a file as kind writes it", async () => {
  const kubeconfig = await read(`
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
`);
  const { context, server, namespace } = kubeconfig;
  assert.deepEqual([context, server, namespace], ["kind-kind", "https://127.0.0.1:35321", "default"]);
  assert.deepEqual(await credentials(kubeconfig), {
    ca: "ca",
    token: undefined,
    certificate: { cert: "cert", key: "key" },
  });
});

Deno.test("readKubeconfig() accepts the YAML that kubectl accepts", async () => {
  const rest = `
current-context: one
contexts: [{ name: one, context: { cluster: one, user: one } }]
clusters: [{ name: one, cluster: { server: "https://127.0.0.1:1" } }]
`;
  const users = "users: [{ name: one, user: { token: abc } }]\n";
  const utf16 = (text: string, littleEndian: boolean) => {
    const view = new DataView(new ArrayBuffer(text.length * 2 + 2));
    [...`\ufeff${text}`].forEach((unit, index) =>
      view.setUint16(index * 2, unit.charCodeAt(0), littleEndian)
    );
    return new Uint8Array(view.buffer);
  };
  const accepted: Readonly<Record<string, string | Uint8Array>> = {
    "a second document": `${rest}${users}---\ncurrent-context: two\n`,
    "an end of the document": `---${rest}${users}---\n`,
    "a merge key": `x: &login { token: abc }${rest}users: [{ name: one, user: { <<: *login } }]\n`,
    "an alias": `x: &login { token: abc }${rest}users: [{ name: one, user: *login }]\n`,
    "a key twice":
      `${rest}kind: Config\nkind: Config\nusers: [{ name: one, user: { token: old, token: abc } }]\n`,
    "UTF-8 with a byte order mark": `\ufeff${rest}${users}`,
    "UTF-16, little endian": utf16(rest + users, true),
    "UTF-16, big endian": utf16(rest + users, false),
    "an unknown tag": `${rest}users: [{ name: one, user: { token: !custom abc } }]\n`,
  };
  for (const [what, content] of Object.entries(accepted)) assert.equal(await tokenOf(content), "abc", what);
  assert.equal(await tokenOf(config({ user: { token: 12345 } })), "12345");
  const block = `${rest}users: [{ name: one, user: null }]\nx: &ca |\n  ${btoa("the")}\n  ${btoa(" CA")}\n`;
  const withBlock = block.replace('1" }', '1", certificate-authority-data: *ca }').replace(
    /^(.*)(x: .*)$/s,
    "$2$1",
  );
  assert.deepEqual(await credentials(await read(withBlock)), {
    ca: "the CA",
    token: undefined,
    certificate: undefined,
  });
});

Deno.test("of several kubeconfigs, the first one's current context and entries count as a whole", async () => {
  const first = config({ user: { token: "first" }, context: { namespace: "lagoon" } });
  const second = config({
    server: "https://second",
    user: { tokenFile: "/second" },
    cluster: { "proxy-url": "x" },
  });
  const kubeconfig = await read(first, second);
  assert.equal(kubeconfig.server, "https://127.0.0.1:1");
  assert.equal(kubeconfig.namespace, "lagoon");
  assert.equal((await credentials(kubeconfig)).token, "first");
});

Deno.test("entries come from any of the kubeconfigs, and missing files are skipped", async () => {
  const names = JSON.stringify({ "current-context": "two", contexts: null });
  assert.equal((await read(undefined, names, "", config({ name: "two" }))).context, "two");
});

Deno.test("paths are relative to the kubeconfig that has them", async () => {
  await Deno.mkdir(`${folder}/pki`);
  for (const name of ["ca", "pki/cert", "key", "token"]) await write(name, name);
  await Deno.mkdir(`${folder}/home`);
  const certificate = { "client-certificate": "../pki/cert", "client-key": `${folder}/key` };
  const user = { ...certificate, tokenFile: "../token" };
  await write("home/config", config({ cluster: { "certificate-authority": "../ca" }, user }));
  assert.deepEqual(await credentials(await readKubeconfig([`${folder}/home/config`], clock)), {
    ca: "ca",
    token: "token",
    certificate: { cert: "pki/cert", key: "key" },
  });
});

Deno.test("data overrides a file, and a token's file overrides a token", async () => {
  await write("token", "from the file\n");
  const cluster = { "certificate-authority": "ca", "certificate-authority-data": btoa("ca") };
  const certificate = { "client-certificate": "cert", "client-certificate-data": btoa("cert") };
  const key = { "client-key": "key", "client-key-data": btoa("key") };
  const user = { ...certificate, ...key, token: "abc", tokenFile: "token" };
  assert.deepEqual(await credentials(await read(config({ cluster, user }))), {
    ca: "ca",
    token: "from the file",
    certificate: { cert: "cert", key: "key" },
  });
});

Deno.test("files that the kubeconfig names are read each time, and a missing one is named", async () => {
  const kubeconfig = await read(config({ user: { tokenFile: "token" } }));
  for (const token of ["first", "second"]) {
    await write("token", `${token}\n`);
    assert.equal((await credentials(kubeconfig)).token, token);
  }
  await Deno.remove(`${folder}/token`);
  await assert.rejects(credentials(kubeconfig), (error: Error & { cause: Error }) => {
    assert.match(
      error.message,
      /^Cannot use context "one" of the kubeconfig \/\S+: its credentials cannot be read$/,
    );
    return error.cause.message.includes(`${folder}/token`);
  });
});

Deno.test("a token of several lines is in no error", async () => {
  await write("token", "s3cret\nline\n");
  const kubeconfig = await read(config({ user: { tokenFile: "token" } }));
  assert.equal((await credentials(kubeconfig)).token, "s3cret\nline");
});

Deno.test("plain HTTP needs no TLS settings, as with `kubectl proxy`", async () => {
  for (const cluster of [{}, { "insecure-skip-tls-verify": true, "tls-server-name": "a" }]) {
    const kubeconfig = await read(config({ server: "http://127.0.0.1:8001//", cluster }));
    assert.equal(kubeconfig.server, "http://127.0.0.1:8001");
    assert.equal((await credentials(kubeconfig)).token, "abc");
  }
});

Deno.test("fields that are false, null or empty count as missing", async () => {
  const cluster = { "insecure-skip-tls-verify": false, "proxy-url": "" };
  const user = { token: "abc", as: "", "as-groups": [], "auth-provider": null, exec: null };
  assert.equal((await credentials(await read(config({ cluster, user })))).token, "abc");
});

Deno.test("a context without a user, and a user without credentials, are anonymous", async () => {
  const anonymous = { ca: "ca", token: undefined, certificate: undefined };
  const cluster = { "certificate-authority-data": btoa("ca") };
  for (const parts of [{ context: { user: undefined } }, { user: null }, { user: {} }]) {
    assert.deepEqual(await credentials(await read(config({ cluster, ...parts }))), anonymous);
  }
});

/** A plugin that prints the tokens 1, 2, and so on, each valid until a time, and stores what it received. */
const login = (expirationTimestamp?: string) =>
  `#!/bin/sh
cd "$(dirname "$0")"
printf x >> asked
printf %s "$KUBERNETES_EXEC_INFO" > info
cat <<END
{ "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
  "status": { "token": "$(wc -c < asked | tr -d ' ')"${
    expirationTimestamp ? `, "expirationTimestamp": "${expirationTimestamp}"` : ""
  } } }
END
`;

Deno.test("an exec plugin runs once, and again when its credentials have expired or were refused", async () => {
  const clock = new ManualClock();
  await write("login.sh", login(new Date(clock.now() + 600_000).toISOString()));
  await write("ca", "first CA");
  await write("config", config({ cluster: { "certificate-authority": "ca" }, user: exec() }));
  const kubeconfig = await readKubeconfig([`${folder}/config`], clock);
  const { expiresAt, token } = await credentials(kubeconfig);
  assert.deepEqual([token, expiresAt], ["1", clock.now() + 600_000]);
  await clock.advance(599_999);
  await write("ca", "second CA");
  const later = await credentials(kubeconfig);
  assert.deepEqual([later.token, later.ca], ["1", "second CA"]);
  assert.equal((await credentials(kubeconfig, true)).token, "2");
  await clock.advance(1);
  assert.equal((await credentials(kubeconfig)).token, "3");
});

Deno.test("an exec plugin receives the cluster if the kubeconfig says so", async () => {
  await write("login.sh", login());
  const extensions = [{ name: "client.authentication.k8s.io/exec", extension: { region: "here" } }];
  const cluster = { "certificate-authority-data": btoa("the CA"), extensions };
  for (const provideClusterInfo of [true, false]) {
    await credentials(await read(config({ cluster, user: exec({ provideClusterInfo }) })));
    const { spec } = JSON.parse(await Deno.readTextFile(`${folder}/info`));
    assert.deepEqual(
      spec.cluster,
      provideClusterInfo
        ? {
          server: "https://127.0.0.1:1",
          "certificate-authority-data": btoa("the CA"),
          config: { region: "here" },
        }
        : undefined,
    );
  }
});

Deno.test("an exec plugin does not run if there is a token", async () => {
  await write("login.sh", login());
  assert.equal(await tokenOf(config({ user: { token: "abc", ...exec() } })), "abc");
  await assert.rejects(Deno.stat(`${folder}/asked`), Deno.errors.NotFound);
});

Deno.test("readKubeconfig() refuses what it doesn't support, and says what to do", async () => {
  const unsupported: readonly (readonly [string, Parts])[] = [
    ["insecure-skip-tls-verify", { cluster: { "insecure-skip-tls-verify": true } }],
    ["tls-server-name", { cluster: { "tls-server-name": "a" } }],
    ["proxy-url", { cluster: { "proxy-url": "http://a" } }],
    ["auth-provider", { user: { "auth-provider": { name: "gcp" } } }],
    ["username", { user: { username: "a" } }],
    ["password", { user: { password: "a" } }],
    ["as", { user: { as: "a" } }],
    ["as-uid", { user: { "as-uid": "a" } }],
    ["as-groups", { user: { "as-groups": ["a"] } }],
    ["as-user-extra", { user: { "as-user-extra": { a: ["b"] } } }],
  ];
  for (const [field, parts] of unsupported) {
    const message = new RegExp(
      `^Cannot use context "one" of the kubeconfig ${folder}/0: .*\\b${field}\\b.* not supported\\. [SU]\\w+`,
    );
    await assert.rejects(read(config(parts)), { code: "kubeconfig", message }, field);
  }
});

Deno.test("readKubeconfig() says what is wrong with a kubeconfig, without its content", async () => {
  const path = `${folder}/0`;
  const wrong: readonly (readonly [string | undefined, string])[] = [
    ["a: b\ntoken: [s3cret", `Cannot read the kubeconfig ${path}: line 2 is not valid YAML`],
    ["users: [*s3cret]", `Cannot read the kubeconfig ${path}: it is not a kubeconfig`],
    [undefined, `Cannot find the kubeconfig ${path}. Create it, or set KUBECONFIG to another file`],
    ["", `Cannot find a current context in the kubeconfig ${path}. Run kubectl config use-context NAME`],
  ];
  const unusable: readonly (readonly [string, string])[] = [
    ['{ "current-context": "one" }', "there is no such context, or it has no cluster"],
    [config({ context: { cluster: "b" } }), 'there is no cluster "b", or it has no server'],
    [config({ server: "" }), 'there is no cluster "one", or it has no server'],
    [config({ context: { user: "b" } }), 'there is no user "b"'],
    [
      config({ server: "user:s3cret@a" }),
      "its server must be an http:// or https:// URL without credentials",
    ],
    [
      config({ server: "https://user:s3cret@a" }),
      "its server must be an http:// or https:// URL without credentials",
    ],
    [
      config({ user: { "client-certificate-data": btoa("s3cret") } }),
      "a client certificate needs its key, and a key its certificate",
    ],
    [
      config({ user: exec({ apiVersion: "client.authentication.k8s.io/v1alpha1" }) }),
      'exec.apiVersion: Invalid option: expected one of "client.authentication.k8s.io/v1"|"client.authentication.k8s.io/v1beta1"',
    ],
    [
      config({ user: exec({ command: "" }) }),
      "exec.command: Too small: expected string to have >=1 characters",
    ],
    [
      config({ user: exec({ interactiveMode: "Always" }) }),
      "exec.interactiveMode: nobody can answer it. Use Never or IfAvailable",
    ],
    [config({ user: exec({ args: "s3cret" }) }), "exec.args: Invalid input: expected array, received string"],
  ];
  for (const [text, reason] of unusable) {
    const message = `Cannot use context "one" of the kubeconfig ${path}: ${reason}`;
    await assert.rejects(read(text), { code: "kubeconfig", message });
  }
  for (const [text, message] of wrong) {
    await Deno.remove(path).catch(() => {});
    await assert.rejects(read(text), { code: "kubeconfig", message });
  }
  await assert.rejects(read(), { message: "Cannot find a kubeconfig. Set KUBECONFIG or HOME" });
  await assert.rejects(readKubeconfig([folder], clock), { message: `Cannot read the kubeconfig ${folder}` });
});
