import assert from "node:assert/strict";
import { BROKER_OPTIONS, CONFIG_MAP_OPTIONS, WEB_OPTIONS } from "../../../lib/config/options_delivery.ts";

const ROWS = Object.values({ ...CONFIG_MAP_OPTIONS, ...WEB_OPTIONS, ...BROKER_OPTIONS });

/** By flag, texts that must not be taken for a value. */
const BAD: Readonly<Record<string, readonly string[]>> = {
  "burn-after-reading": ["yes", "tRUE", "2", " true", ""],
  "clear-configmap-sched": ["", "* * * *", "* * * * * *", "@sometimes", "@every"],
  "configmap-reconciler-max-retries": ["-1", "1.5", "1001", "many", ""],
  "configmap-reconciler-mins-between-retries": ["0", "1441", "5m"],
  "configmap-reconciler-max-concurrent": ["0", "65"],
  "webservice-port": ["0", "65536", "http", "0x50", "tcp://10.0.0.1:80"],
  "webservice-max-body-bytes": ["1023", "16777217"],
  "webservice-max-in-flight": ["0", "10001"],
  "token-target-label": ["-a", "a/b/c", "A/b", "with space"],
  "rabbitmq-hostname": [
    "",
    "amqp://broker",
    "user@broker",
    "broker/",
    "broker:0",
    "broker:65536",
    "::1",
    ":5672",
  ],
  "rabbitmq-tls": ["on"],
  "rabbitmq-reconnect-retry-interval": ["0", "3601", "30s"],
  "rabbitmq-confirm-timeout": ["0", "601"],
};

for (const [flag, texts] of Object.entries(BAD)) {
  Deno.test(`${flag} refuses what is no value of it`, () => {
    const row = ROWS.find((option) => option.flag === flag);
    assert.ok(row);
    for (const text of texts) assert.throws(() => row.kind.parse(text), RangeError, JSON.stringify(text));
  });
}

Deno.test("what signs tokens and what logs in are secrets", () => {
  assert.deepEqual(ROWS.filter(({ secret }) => secret).map(({ flag }) => flag), [
    "insights-token-secret",
    "insights-token-previous-secret",
    "rabbitmq-password",
  ]);
});

Deno.test("where the broker is, is told with or without a port", () => {
  const { kind } = BROKER_OPTIONS.brokerAddress;
  assert.deepEqual(kind.parse("broker.example"), { hostname: "broker.example", port: 5672 });
  assert.deepEqual(kind.parse("broker.example:5673"), { hostname: "broker.example", port: 5673 });
  assert.deepEqual(kind.parse("[::1]:5673"), { hostname: "::1", port: 5673 });
  assert.deepEqual(kind.parse("[::1]"), { hostname: "::1", port: 5672 });
});
