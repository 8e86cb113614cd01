import assert from "node:assert/strict";
import { readValues } from "../../../lib/config/read.ts";
import GO_FLAGS from "../../fixtures/golden/go_flags.json" with { type: "json" };
import { ALL_OPTIONS, OPTIONS } from "../../../lib/config/options.ts";

/** Flag, variable and default of the Go remote's options, copied by hand from docs/protocol.md. */
const GO_OPTIONS: readonly (readonly [flag: string, env: string, defaultText: string])[] = [
  ["enable-configmap-reconciler", "ENABLE_CONFIGMAP_RECONCILER", "true"],
  ["burn-after-reading", "BURN_AFTER_READING", "false"],
  ["clear-configmap-sched", "CLEAR_CONFIGMAP_SCHED", "* * * * *"],
  ["enable-insights-deferred", "ENABLE_INSIGHTS_DEFERRED", "true"],
  ["configmap-reconciler-max-retries", "CONFIGMAP_RECONCILER_MAX_RETRIES", "0"],
  ["configmap-reconciler-mins-between-retries", "CONFIGMAP_RECONCILER_MINS_BETWEEN_RETRIES", "5"],
  ["configmap-reconciler-max-concurrent", "CONFIGMAP_RECONCILER_MAX_CONCURRENT", "1"],
  ["enable-namespace-reconciler", "ENABLE_NAMESPACE_RECONCILER", "true"],
  ["enable-webservice", "ENABLE_WEBSERVICE", "true"],
  ["webservice-port", "WEBSERVICE_PORT", "8888"],
  ["insights-token-secret", "INSIGHTS_TOKEN_SECRET", ""],
  ["token-target-label", "TOKEN_TARGET_LABEL", ""],
  ["enable-dependency-track-integration", "ENABLE_DEPENDENCY_TRACK_INTEGRATION", "false"],
  ["dependency-track-api-endpoint", "DEPENDENCY_TRACK_API_ENDPOINT", ""],
  ["dependency-track-api-key", "DEPENDENCY_TRACK_API_KEY", ""],
  [
    "dependency-track-root-project-name-template",
    "DEPENDENCY_TRACK_ROOT_PROJECT_NAME_TEMPLATE",
    "{{ .ProjectName }}",
  ],
  [
    "dependency-track-parent-project-name-template",
    "DEPENDENCY_TRACK_PARENT_PROJECT_NAME_TEMPLATE",
    "{{ .ProjectName }}-{{ .EnvironmentName }}",
  ],
  [
    "dependency-track-project-name-template",
    "DEPENDENCY_TRACK_PROJECT_NAME_TEMPLATE",
    "{{ .ProjectName }}-{{ .EnvironmentName }}-{{ .ServiceName }}",
  ],
  ["dependency-track-version-template", "DEPENDENCY_TRACK_VERSION_TEMPLATE", "unset"],
  ["dependency-track-push-prod-only", "DEPENDENCY_TRACK_PUSH_PROD_ONLY", "true"],
  ["leader-elect", "LEADER_ELECT", "false"],
  ["metrics-bind-address", "METRICS_BIND_ADDRESS", "0"],
  ["metrics-secure", "METRICS_SECURE", "true"],
  ["health-probe-bind-address", "HEALTH_PROBE_BIND_ADDRESS", ":8081"],
  ["rabbitmq-enabled", "RABBITMQ_ENABLED", "true"],
  ["rabbitmq-username", "RABBITMQ_USERNAME", "guest"],
  ["rabbitmq-password", "RABBITMQ_PASSWORD", "guest"],
  ["rabbitmq-hostname", "RABBITMQ_ADDRESS", "localhost"],
  ["rabbitmq-tls", "RABBITMQ_TLS", "false"],
  // The Go remote's default is false, but it verifies nevertheless.
  ["rabbitmq-verify", "RABBITMQ_VERIFY", "true"],
  ["rabbitmq-cacert", "RABBITMQ_CACERT", ""],
  ["rabbitmq-clientcert", "RABBITMQ_CLIENTCERT", ""],
  ["rabbitmq-clientkey", "RABBITMQ_CLIENTKEY", ""],
  ["rabbitmq-reconnect-retry-interval", "RABBITMQ_RECONNECT_RETRY_INTERVAL", "30"],
  ["generate-token-only", "GENERATE_TOKEN_ONLY", "false"],
  ["generate-token-only-namespace", "GENERATE_TOKEN_ONLY_NAMESPACE", ""],
  ["generate-token-only-environment-id", "GENERATE_TOKEN_ONLY_ENVIRONMENT_ID", ""],
  ["generate-token-only-project-name", "GENERATE_TOKEN_ONLY_PROJECT_NAME", ""],
  ["generate-token-only-environment-name", "GENERATE_TOKEN_ONLY_ENVIRONMENT_NAME", ""],
  ["enable-build-scanner", "ENABLE_BUILD_SCANNING", "false"],
  ["build-scanner-image", "BUILD_SCANNER_IMAGE", "uselagoon/insights-scanner:latest"],
  ["build-scanner-extra-env", "BUILD_SCANNER_EXTRA_ENV_VARS", ""],
  ["zap-devel", "ZAP_DEVEL", "false"],
  ["zap-encoder", "ZAP_ENCODER", ""],
  ["zap-log-level", "ZAP_LOG_LEVEL", ""],
  ["zap-stacktrace-level", "ZAP_STACKTRACE_LEVEL", ""],
  ["kubeconfig", "INSIGHTS_KUBECONFIG", ""],
  ["enable-http2", "ENABLE_HTTP2", ""],
  ["zap-time-encoding", "ZAP_TIME_ENCODING", ""],
];

Deno.test("the table has the Go remote's options, with flag, variable and default", () => {
  for (const [flag, env, defaultText] of GO_OPTIONS) {
    const row = ALL_OPTIONS.find((option) => option.flag === flag);
    assert.deepEqual([row?.flag, row?.env, row?.defaultText], [flag, env, defaultText]);
  }
});

Deno.test("every value of every flag of the Go remote is accepted, as a flag and as a variable", () => {
  assert.deepEqual(Object.keys(GO_FLAGS).sort(), GO_OPTIONS.map(([flag]) => flag).sort());
  for (const [flag, values] of Object.entries(GO_FLAGS)) {
    for (const value of values) {
      for (
        const args of [
          [`--${flag}=${value}`],
          ...values.includes("true") ? [[`-${flag}`]] : [[`-${flag}`, value]],
        ]
      ) {
        assert.doesNotThrow(() => readValues(args, () => undefined), args.join(" "));
      }
      const env = ALL_OPTIONS.find((option) => option.flag === flag)?.env;
      assert.doesNotThrow(
        () => readValues([], (name) => name === env ? value : undefined),
        `${env}=${value}`,
      );
    }
  }
});

Deno.test("words of zap's flags count in any case, and panic as the highest level", () => {
  const { log } = readValues(["--zap-encoder=JSON", "--zap-log-level=Panic"], () => undefined).values;
  assert.deepEqual([log.encoder, log.level], ["json", "error"]);
});

Deno.test("the table's other options are these", () => {
  const known = GO_OPTIONS.map(([flag]) => flag);
  assert.deepEqual(ALL_OPTIONS.map(({ flag }) => flag).filter((flag) => !known.includes(flag)).sort(), [
    "allow-remote-context",
    "build-scanner-docker-hosts",
    "configmap-reconciler-max-bytes",
    "core-insights-opt-in",
    "dependency-track-allow-http",
    "dependency-track-allowed-hosts",
    "dependency-track-cacert",
    "dependency-track-max-concurrent",
    "dependency-track-max-sbom-bytes",
    "dependency-track-processing-timeout",
    "dependency-track-request-timeout",
    "insights-local",
    "insights-token-previous-secret",
    "leader-elect-namespace",
    "metrics-cert-file",
    "metrics-key-file",
    "rabbitmq-confirm-timeout",
    "rabbitmq-server-name",
    "service-account-directory",
    "shutdown-delay",
    "shutdown-grace",
    "webservice-header-timeout",
    "webservice-large-body-wait",
    "webservice-max-body-bytes",
    "webservice-max-connections",
    "webservice-max-in-flight",
    "webservice-max-item-bytes",
    "webservice-max-items",
    "webservice-max-json-depth",
    "webservice-max-large-bodies",
    "webservice-request-timeout",
  ]);
});

Deno.test("no flag and no variable occurs twice", () => {
  for (const names of [ALL_OPTIONS.map(({ flag }) => flag), ALL_OPTIONS.map(({ env }) => env)]) {
    assert.equal(new Set(names).size, names.length);
  }
});

Deno.test("every default is a valid value, and every option has a description", () => {
  for (const { flag, kind, defaultText, help } of ALL_OPTIONS) {
    assert.doesNotThrow(() => kind.parse(defaultText), flag);
    assert.notEqual(help, "", flag);
  }
});

Deno.test("passwords, keys, signing secrets and the scanner's variables are secret", () => {
  assert.deepEqual(ALL_OPTIONS.filter(({ kind }) => kind.isSecret).map(({ flag }) => flag), [
    "insights-token-secret",
    "insights-token-previous-secret",
    "rabbitmq-password",
    "dependency-track-api-key",
    "build-scanner-extra-env",
  ]);
});

/** Values that each flag must reject. */
const INVALID: Readonly<Record<string, readonly string[]>> = {
  "burn-after-reading": ["yes", "tRUE", "2", " true", ""],
  "configmap-reconciler-max-retries": ["-1", "1.5", "1001", "many", ""],
  "configmap-reconciler-mins-between-retries": ["0", "1441", "5m"],
  "configmap-reconciler-max-concurrent": ["0", "65"],
  "webservice-port": ["0", "65536", "http", "0x50", "tcp://10.0.0.1:80"],
  "webservice-max-body-bytes": ["1023", "16777217"],
  "webservice-max-items": ["0", "1000001", "many"],
  "webservice-max-item-bytes": ["1023", "16777217"],
  "webservice-max-json-depth": ["2", "10001"],
  "webservice-max-in-flight": ["1", "10001"],
  "webservice-max-large-bodies": ["0", "101"],
  "webservice-large-body-wait": ["0", "61", "5s"],
  "webservice-max-connections": ["15", "100001"],
  "webservice-header-timeout": ["0", "61", "5s"],
  "webservice-request-timeout": ["0", "301", "10s"],
  "token-target-label": ["-a", "a/b/c", "A/b", "with space"],
  "rabbitmq-hostname": ["", "amqp://b", "user@b", "b/", "b:0", "b:65536", "::1", ":5672"],
  "rabbitmq-tls": ["on"],
  "rabbitmq-reconnect-retry-interval": ["0", "3601", "30s"],
  "rabbitmq-confirm-timeout": ["0", "601"],
  "dependency-track-api-endpoint": ["track.example", "ftp://track.example", "http://", "https://u:p@track"],
  "dependency-track-version-template": ["{{ .Namespace }}", "{{ .Version", "{{ printf }}", "{{}}"],
  "dependency-track-allowed-hosts": ["https://a", "a b", "a:0", "a/b", "u@a", "a%"],
  "dependency-track-max-concurrent": ["0", "101", "x"],
  "dependency-track-max-sbom-bytes": ["0", "-1"],
  "dependency-track-request-timeout": ["0", "601"],
  "dependency-track-processing-timeout": ["0", "3601"],
  "build-scanner-extra-env": ["A", "1A=x", "A-B=x", "A=1,B", "=x"],
  "health-probe-bind-address": ["", "8081", "localhost", ":0", ":65536", "::1:8081"],
  "metrics-bind-address": ["off", "1"],
  "leader-elect": ["maybe"],
  "shutdown-delay": ["601", "5s"],
  "shutdown-grace": ["0", "601"],
  "zap-encoder": ["xml"],
  "zap-log-level": ["0", "-1", "loud"],
  "generate-token-only-environment-id": ["main", "-1", "3.0"],
};

for (const [flag, texts] of Object.entries(INVALID)) {
  Deno.test(`${flag} rejects invalid values`, () => {
    const row = ALL_OPTIONS.find((option) => option.flag === flag);
    assert.ok(row);
    for (const text of texts) assert.throws(() => row.kind.parse(text), RangeError, JSON.stringify(text));
  });
}

Deno.test("options without effect accept anything", () => {
  for (const { kind } of Object.values(OPTIONS.ignored)) {
    assert.equal(kind.parse("0 0 nonsense"), "0 0 nonsense");
  }
});
