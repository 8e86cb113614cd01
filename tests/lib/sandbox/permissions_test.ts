import assert from "node:assert/strict";
import { parseCommand } from "../../../lib/config/cli.ts";
import type { Cluster } from "../../../lib/sandbox/cluster.ts";
import { servicePermissions } from "../../../lib/sandbox/permissions.ts";

const NOTHING = { env: false, ffi: false, import: false, run: false, sys: false, write: false } as const;
const IN_POD: Cluster = {
  kind: "service-account",
  directory: "/account",
  host: "10.0.0.1",
  port: "443",
};

function permissions(env: Readonly<Record<string, string>>, cluster?: Cluster) {
  const variables: Readonly<Record<string, string>> = {
    INSIGHTS_TOKEN_SECRET: "a secret of the test",
    ...env,
  };
  const command = parseCommand([], (name) => variables[name]);
  assert.equal(command.kind, "serve");
  return servicePermissions(command.config, cluster);
}

Deno.test("With the chart's variables in a pod: two ports, API server, broker, and the ServiceAccount's folder", () => {
  assert.deepEqual(permissions({ RABBITMQ_ADDRESS: "broker.example:5672" }, IN_POD), {
    net: ["0.0.0.0:8081", "0.0.0.0:8888", "10.0.0.1:443", "[::]:8081", "[::]:8888", "broker.example:5672"],
    read: ["/account"],
    ...NOTHING,
  });
});

Deno.test("Without a cluster, only the configured certificates can be read", () => {
  const env = {
    RABBITMQ_TLS: "true",
    RABBITMQ_CACERT: "/tls/ca.crt",
    RABBITMQ_CLIENTCERT: "/tls/tls.crt",
    RABBITMQ_CLIENTKEY: "/tls/tls.key",
    METRICS_BIND_ADDRESS: "127.0.0.1:8443",
    METRICS_CERT_FILE: "/metrics/tls.crt",
    METRICS_KEY_FILE: "/metrics/tls.key",
    HEALTH_PROBE_BIND_ADDRESS: "0",
    ENABLE_WEBSERVICE: "false",
  };
  assert.deepEqual(permissions(env), {
    net: ["127.0.0.1:8443", "localhost:5671"],
    read: ["/metrics/tls.crt", "/metrics/tls.key", "/tls/ca.crt", "/tls/tls.crt", "/tls/tls.key"],
    ...NOTHING,
  });
});

Deno.test("Dependency-Track adds the operator's server and the hosts that sites may name, and no other", () => {
  const env = {
    ENABLE_DEPENDENCY_TRACK_INTEGRATION: "true",
    DEPENDENCY_TRACK_API_ENDPOINT: "http://track.lagoon.svc:8081/base",
    DEPENDENCY_TRACK_API_KEY: "key",
    DEPENDENCY_TRACK_ALLOWED_HOSTS: "a.example,bücher.example:8443,[2606:4700::1]:8443",
    HEALTH_PROBE_BIND_ADDRESS: "0",
    ENABLE_WEBSERVICE: "false",
    RABBITMQ_ENABLED: "false",
  };
  const net = [
    "10.0.0.1:443",
    "[2606:4700::1]:8443",
    "a.example:443",
    "track.lagoon.svc:8081",
    "xn--bcher-kva.example:8443",
  ];
  assert.deepEqual(permissions(env, IN_POD).net, net);
  const withHttp = permissions({ ...env, DEPENDENCY_TRACK_ALLOW_HTTP: "true" }, IN_POD).net;
  assert.deepEqual(withHttp, [...net, "a.example:80"].sort());
  assert.deepEqual(permissions({ ...env, ENABLE_CONFIGMAP_RECONCILER: "false" }, IN_POD).net, [
    "10.0.0.1:443",
  ]);
});

Deno.test("The CAs of the operator's Dependency-Track can be read if SBOMs are sent", () => {
  const env = {
    ENABLE_DEPENDENCY_TRACK_INTEGRATION: "true",
    DEPENDENCY_TRACK_API_ENDPOINT: "https://track.example",
    DEPENDENCY_TRACK_API_KEY: "key",
    DEPENDENCY_TRACK_CACERT: "/track/ca.crt",
  };
  assert.deepEqual(permissions(env, IN_POD).read, ["/account", "/track/ca.crt"]);
  for (const off of ["ENABLE_DEPENDENCY_TRACK_INTEGRATION", "ENABLE_CONFIGMAP_RECONCILER"]) {
    assert.deepEqual(permissions({ ...env, [off]: "false" }, IN_POD).read, ["/account"]);
  }
});

Deno.test("Disabled parts need no permission", () => {
  const env = {
    RABBITMQ_ENABLED: "false",
    RABBITMQ_TLS: "true",
    RABBITMQ_CACERT: "/tls/ca.crt",
    HEALTH_PROBE_BIND_ADDRESS: "0",
    WEBSERVICE_PORT: "9999",
  };
  assert.deepEqual(permissions(env), { net: ["0.0.0.0:9999", "[::]:9999"], read: false, ...NOTHING });
});

Deno.test("A kubeconfig's context adds its server, and no file: the process reads the credentials", () => {
  const env = { RABBITMQ_ENABLED: "false", HEALTH_PROBE_BIND_ADDRESS: "0", ENABLE_WEBSERVICE: "false" };
  for (
    const [server, address] of [
      ["https://127.0.0.1:6443", "127.0.0.1:6443"],
      ["https://[::1]:6443", "[::1]:6443"],
      ["https://api.localhost", "api.localhost:443"],
      ["http://localhost", "localhost:80"],
    ] as const
  ) {
    assert.deepEqual(permissions(env, { kind: "kubeconfig", server, namespace: "default" }), {
      net: [address],
      read: false,
      ...NOTHING,
    });
  }
});
