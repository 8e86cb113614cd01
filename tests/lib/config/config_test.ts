import assert from "node:assert/strict";
import { buildConfig } from "../../../lib/config/config.ts";
import { ConfigError, readValues } from "../../../lib/config/read.ts";

const SECRET = "a secret of enough bytes";

function build(env: Readonly<Record<string, string>> = {}, args: readonly string[] = []) {
  const variables: Readonly<Record<string, string>> = { INSIGHTS_TOKEN_SECRET: SECRET, ...env };
  const readVariable = (name: string) => variables[name];
  return buildConfig(readValues(args, readVariable).values, readVariable);
}

function problemOf(env: Readonly<Record<string, string>>): string {
  try {
    build(env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  return assert.fail("no error");
}

Deno.test("buildConfig() has the documented defaults", () => {
  assert.deepEqual(build(), {
    configMaps: {
      enabled: true,
      burnAfterReading: false,
      deferredEnabled: true,
      maxRetries: 0,
      retryDelayMs: 300_000,
      maxConcurrent: 1,
      coreOptIn: false,
      maxBytesInFlight: 6_000_000,
    },
    scanner: undefined,
    web: {
      enabled: true,
      port: 8888,
      maxBodyBytes: 10_485_760,
      maxItems: 10_000,
      maxItemBytes: 1_048_576,
      maxJsonDepth: 32,
      maxInFlight: 256,
      maxLargeBodies: 1,
      largeBodyWaitMs: 5000,
      maxConnections: 512,
      headerTimeoutMs: 5000,
      requestTimeoutMs: 10_000,
    },
    tokens: { reconcilerEnabled: true, secret: SECRET, previousSecret: "", targetLabel: undefined },
    broker: {
      enabled: true,
      host: "localhost",
      port: 5672,
      username: "guest",
      password: "guest",
      tls: undefined,
      reconnectCapMs: 30_000,
      confirmTimeoutMs: 10_000,
    },
    dependencyTrack: undefined,
    health: { hostname: undefined, port: 8081 },
    metrics: undefined,
    shutdown: { delayMs: 0, graceMs: 20_000 },
    leaderElection: { enabled: false, namespace: "", podName: "insights-remote" },
    kubernetes: {
      serviceHost: undefined,
      servicePort: undefined,
      serviceAccountDirectory: "/var/run/secrets/kubernetes.io/serviceaccount",
      kubeconfigPaths: [],
      hasKubeconfig: false,
      allowRemoteContext: false,
    },
    log: { level: "info", encoder: "json" },
  });
});

Deno.test("buildConfig() accepts what the Helm chart sets", () => {
  const config = build({
    RABBITMQ_ADDRESS: "broker.lagoon.svc:5672",
    RABBITMQ_USERNAME: "lagoon",
    RABBITMQ_PASSWORD: "p@ss:word/",
    BURN_AFTER_READING: "TRUE",
  });
  assert.equal(config.configMaps.burnAfterReading, true);
  assert.deepEqual([config.broker.host, config.broker.port], ["broker.lagoon.svc", 5672]);
  assert.equal(config.broker.password, "p@ss:word/");
});

Deno.test("a broker with TLS has its own default port, and is verified by default", () => {
  const { port, tls } = build({ RABBITMQ_TLS: "true", RABBITMQ_ADDRESS: "broker.example" }).broker;
  assert.equal(port, 5671);
  assert.deepEqual(tls, { verify: true, serverName: "", caFile: "", certFile: "", keyFile: "" });
  const other = build({
    RABBITMQ_TLS: "true",
    RABBITMQ_ADDRESS: "10.0.0.1:5000",
    RABBITMQ_VERIFY: "false",
    RABBITMQ_SERVER_NAME: "broker.example",
    RABBITMQ_CACERT: "/tls/ca.crt",
    RABBITMQ_CLIENTCERT: "/tls/tls.crt",
    RABBITMQ_CLIENTKEY: "/tls/tls.key",
  }).broker;
  assert.equal(other.port, 5000);
  assert.deepEqual(other.tls, {
    verify: false,
    serverName: "broker.example",
    caFile: "/tls/ca.crt",
    certFile: "/tls/tls.crt",
    keyFile: "/tls/tls.key",
  });
});

Deno.test("a client certificate needs its key, and a key its certificate", () => {
  for (const name of ["RABBITMQ_CLIENTCERT", "RABBITMQ_CLIENTKEY"]) {
    assert.match(problemOf({ RABBITMQ_TLS: "true", [name]: "/tls/file" }), /both a certificate and its key/);
  }
});

Deno.test("shutdown is delayed only in a pod", () => {
  assert.deepEqual(build({ KUBERNETES_SERVICE_HOST: "10.0.0.1" }).shutdown, {
    delayMs: 5000,
    graceMs: 20_000,
  });
  assert.equal(build({ SHUTDOWN_DELAY: "60" }).shutdown.delayMs, 0);
});

Deno.test("the configuration is plain data that a Worker can receive", () => {
  const config = build({ HEALTH_PROBE_BIND_ADDRESS: "0", TOKEN_TARGET_LABEL: "example.com/x" });
  assert.deepEqual(structuredClone(config), config);
});

Deno.test("zap-devel sets only the defaults of level and encoder", () => {
  assert.deepEqual(build({ ZAP_DEVEL: "true" }).log, { level: "debug", encoder: "console" });
  assert.deepEqual(build({ ZAP_DEVEL: "true", ZAP_LOG_LEVEL: "error", ZAP_ENCODER: "json" }).log, {
    level: "error",
    encoder: "json",
  });
  assert.equal(build({ ZAP_LOG_LEVEL: "3" }).log.level, "debug");
});

Deno.test("kubeconfigs are found as kubectl finds them", () => {
  assert.deepEqual(build({ HOME: "/home/a" }).kubernetes.kubeconfigPaths, ["/home/a/.kube/config"]);
  assert.deepEqual(build({ HOME: "/home/a", KUBECONFIG: "/b::/c" }).kubernetes.kubeconfigPaths, ["/b", "/c"]);
  const named = build({ HOME: "/home/a", KUBECONFIG: "/b", INSIGHTS_KUBECONFIG: "/c" }).kubernetes;
  assert.deepEqual([named.kubeconfigPaths, named.hasKubeconfig], [["/c"], true]);
  assert.equal(build({ KUBERNETES_SERVICE_HOST: "" }).kubernetes.serviceHost, undefined);
});

Deno.test("buildConfig() reads these variables and no others", () => {
  const names = new Set<string>();
  const { values } = readValues(["--insights-local"], () => undefined);
  buildConfig(values, (name) => {
    names.add(name);
    return undefined;
  });
  assert.deepEqual([...names].sort(), [
    "HOME",
    "HOSTNAME",
    "KUBECONFIG",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
  ]);
});

Deno.test("an enabled build scanner has its image and variables", () => {
  assert.equal(build({ BUILD_SCANNER_IMAGE: "scanner:1" }).scanner, undefined);
  assert.deepEqual(build({ ENABLE_BUILD_SCANNING: "TRUE" }).scanner, {
    image: "uselagoon/insights-scanner:latest",
    extraEnv: {},
    dockerHosts: ["docker-host.lagoon.svc"],
  });
  const extra = { BUILD_SCANNER_IMAGE: "scanner:1", BUILD_SCANNER_EXTRA_ENV_VARS: "A=1,B=x=y,C=,A=2" };
  const hosts = { BUILD_SCANNER_DOCKER_HOSTS: "one.lagoon.svc, two:2375" };
  assert.deepEqual(build({ ENABLE_BUILD_SCANNING: "TRUE", ...extra, ...hosts }).scanner, {
    image: "scanner:1",
    extraEnv: { A: "2", B: "x=y", C: "" },
    dockerHosts: ["one.lagoon.svc", "two:2375"],
  });
  assert.throws(
    () => build({ BUILD_SCANNER_DOCKER_HOSTS: "one,,two" }),
    /BUILD_SCANNER_DOCKER_HOSTS: expected one or more host names/,
  );
});

const TRACK = { ENABLE_DEPENDENCY_TRACK_INTEGRATION: "true" };

Deno.test("Dependency-Track has the operator's server, the hosts of sites, or both", () => {
  assert.equal(build({}).dependencyTrack, undefined);
  const endpoint = { DEPENDENCY_TRACK_API_ENDPOINT: "https://track", DEPENDENCY_TRACK_API_KEY: "k" };
  const { server, custom, prodOnly } = build({ ...TRACK, ...endpoint }).dependencyTrack!;
  assert.deepEqual([server, custom, prodOnly], [
    { endpoint: "https://track", key: "k", caFile: "" },
    { allowedHosts: [], allowHttp: false },
    true,
  ]);
  const sites = build({ ...TRACK, DEPENDENCY_TRACK_ALLOWED_HOSTS: "a.example" }).dependencyTrack!;
  assert.deepEqual([sites.server, sites.custom.allowedHosts], [
    undefined,
    [{ hostname: "a.example", port: undefined }],
  ]);
});

Deno.test("Dependency-Track needs a server, and a server its key", () => {
  assert.match(
    problemOf(TRACK),
    /^DEPENDENCY_TRACK_API_ENDPOINT, DEPENDENCY_TRACK_ALLOWED_HOSTS: expected at least one/,
  );
  for (
    const half of [{ DEPENDENCY_TRACK_API_ENDPOINT: "https://track" }, { DEPENDENCY_TRACK_API_KEY: "secret" }]
  ) {
    const problem = problemOf({ ...TRACK, ...half });
    assert.match(problem, /^DEPENDENCY_TRACK_API_ENDPOINT, DEPENDENCY_TRACK_API_KEY: expected both/);
    assert.doesNotMatch(problem, /secret/);
  }
  const odd = { DEPENDENCY_TRACK_API_ENDPOINT: "https://track", DEPENDENCY_TRACK_API_KEY: "a\nb" };
  assert.match(problemOf({ ...TRACK, ...odd }), /^DEPENDENCY_TRACK_API_KEY: expected ASCII letters/);
});

Deno.test("CAs for Dependency-Track are for the operator's server only, and need https", () => {
  const server = { DEPENDENCY_TRACK_API_KEY: "k", DEPENDENCY_TRACK_CACERT: "/track/ca.crt" };
  const secure = { ...TRACK, ...server, DEPENDENCY_TRACK_API_ENDPOINT: "https://track" };
  assert.equal(build(secure).dependencyTrack?.server?.caFile, "/track/ca.crt");
  const expected =
    "DEPENDENCY_TRACK_CACERT: expected only where DEPENDENCY_TRACK_API_ENDPOINT begins with https://";
  assert.equal(problemOf({ ...secure, DEPENDENCY_TRACK_API_ENDPOINT: "http://track" }), expected);
  const sites = { DEPENDENCY_TRACK_ALLOWED_HOSTS: "a.example", DEPENDENCY_TRACK_CACERT: "/track/ca.crt" };
  assert.equal(problemOf({ ...TRACK, ...sites }), expected);
  assert.equal(build(sites).dependencyTrack, undefined);
});

Deno.test("the candidate for leadership is named after its pod", () => {
  const { leaderElection } = build({
    LEADER_ELECT: "true",
    LEADER_ELECT_NAMESPACE: "lagoon",
    HOSTNAME: "pod-1",
  });
  assert.deepEqual(leaderElection, { enabled: true, namespace: "lagoon", podName: "pod-1" });
});

Deno.test("metrics are off by default, and served over HTTPS unless METRICS_SECURE is false", () => {
  assert.equal(build({ METRICS_SECURE: "true" }).metrics, undefined);
  const address = { hostname: undefined, port: 8443 };
  const secure = { METRICS_BIND_ADDRESS: ":8443", HOSTNAME: "pod-1" };
  const tls = { hostname: "pod-1", certFile: "", keyFile: "" };
  assert.deepEqual(build(secure).metrics, { address, tls });
  const files = { METRICS_CERT_FILE: "/tls/tls.crt", METRICS_KEY_FILE: "/tls/tls.key" };
  assert.deepEqual(build({ ...secure, ...files }).metrics, {
    address,
    tls: { hostname: "pod-1", certFile: "/tls/tls.crt", keyFile: "/tls/tls.key" },
  });
  assert.deepEqual(build({ ...secure, METRICS_SECURE: "false" }).metrics, { address, tls: undefined });
});

Deno.test("a certificate for metrics needs its key, and a key its certificate", () => {
  for (const alone of ["METRICS_CERT_FILE", "METRICS_KEY_FILE"]) {
    assert.match(
      problemOf({ METRICS_BIND_ADDRESS: ":8443", [alone]: "/tls/file" }),
      /^METRICS_CERT_FILE, METRICS_KEY_FILE: expected both/,
    );
  }
});

Deno.test("only posts and tokens need a secret", () => {
  const neither = { ENABLE_WEBSERVICE: "false", ENABLE_NAMESPACE_RECONCILER: "false" };
  assert.equal(build({ ...neither, INSIGHTS_TOKEN_SECRET: "" }).tokens.secret, "");
  for (const part of ["ENABLE_WEBSERVICE", "ENABLE_NAMESPACE_RECONCILER"]) {
    assert.match(
      problemOf({ ...neither, [part]: "true", INSIGHTS_TOKEN_SECRET: "" }),
      /^INSIGHTS_TOKEN_SECRET: /,
    );
  }
});

Deno.test("weak secrets are rejected without showing them, unless the run is local", () => {
  for (const name of ["INSIGHTS_TOKEN_SECRET", "INSIGHTS_TOKEN_PREVIOUS_SECRET"]) {
    const empty = [" ".repeat(20), " \t\n\u00a0".repeat(10), "a".repeat(100), "😀".repeat(16)];
    for (const weak of ["testsecret", "fifteen bytes!!", "a", " ", ...empty]) {
      const message = problemOf({ [name]: weak });
      assert.ok(message.startsWith(`${name}: `), message);
      // The message itself contains "a" and a space.
      assert.ok(weak.length === 1 || !message.includes(weak), "the message shows the secret");
      assert.doesNotThrow(() => build({ [name]: weak, INSIGHTS_LOCAL: "true" }));
    }
  }
  // 15 characters, 16 bytes.
  assert.doesNotThrow(() => build({ INSIGHTS_TOKEN_SECRET: "fifteen bytes!é" }));
  assert.doesNotThrow(() => build({ INSIGHTS_TOKEN_SECRET: `${"a".repeat(15)}b` }));
});
