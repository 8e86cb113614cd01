import assert from "node:assert/strict";
import { OPTION_GROUPS, OPTIONS } from "../../../lib/config/options.ts";

/** Flag, variable and default of every row of the contract's table, in its order, copied by hand. */
const CONTRACT: readonly (readonly [flag: string, env: string, defaultText: string])[] = [
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
  // The contract's default is false; ours verifies unless it is told not to (contract, section 1).
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
  ["zap-time-encoding", "ZAP_TIME_ENCODING", ""],
];

const rows = Object.values(OPTIONS);

Deno.test("OPTIONS has every row of the contract, with its flag, variable and default", () => {
  for (const [flag, env, defaultText] of CONTRACT) {
    const row = rows.find((option) => option.flag === flag);
    assert.deepEqual([row?.flag, row?.env, row?.defaultText], [flag, env, defaultText]);
  }
});

Deno.test("OPTIONS has no other rows than the contract's and those that are ours", () => {
  const known = CONTRACT.map(([flag]) => flag);
  assert.deepEqual(rows.map(({ flag }) => flag).filter((flag) => !known.includes(flag)).sort(), [
    "allow-remote-context",
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
    "webservice-max-buffered-bytes",
    "webservice-max-connections",
    "webservice-max-in-flight",
    "webservice-max-item-bytes",
    "webservice-max-items",
    "webservice-max-json-depth",
    "webservice-max-large-bodies",
    "webservice-request-timeout",
  ]);
});

Deno.test("OPTIONS names no flag and no variable twice", () => {
  for (const names of [rows.map(({ flag }) => flag), rows.map(({ env }) => env)]) {
    assert.equal(new Set(names).size, names.length);
  }
});

Deno.test("OPTIONS accepts its own defaults, and says what each option does", () => {
  for (const { flag, kind, defaultText, help } of rows) {
    assert.doesNotThrow(() => kind.parse(defaultText), flag);
    assert.notEqual(help, "", flag);
  }
});

Deno.test("OPTION_GROUPS holds each option exactly once", () => {
  const grouped = Object.values(OPTION_GROUPS).flatMap((group) => Object.keys(group));
  assert.deepEqual(grouped.sort(), Object.keys(OPTIONS).sort());
});
