import assert from "node:assert/strict";
import { BROKER_OPTIONS, CONFIG_MAP_OPTIONS } from "../../../lib/config/options_delivery.ts";

const ROWS = Object.values({ ...CONFIG_MAP_OPTIONS, ...BROKER_OPTIONS });

/** By flag, texts that must not be taken for a value. */
const BAD: Readonly<Record<string, readonly string[]>> = {
  "burn-after-reading": ["yes", "tRUE", "2", " true", ""],
  "clear-configmap-sched": ["", "* * * *", "* * * * * *", "@sometimes", "@every"],
  "configmap-reconciler-max-retries": ["-1", "1.5", "1001", "many", ""],
  "configmap-reconciler-mins-between-retries": ["0", "1441", "5m"],
  "configmap-reconciler-max-concurrent": ["0", "65"],
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

Deno.test("what logs in is a secret", () => {
  assert.deepEqual(ROWS.filter(({ secret }) => secret).map(({ flag }) => flag), ["rabbitmq-password"]);
});

Deno.test("where the broker is, is told with or without a port", () => {
  const { kind } = BROKER_OPTIONS.brokerAddress;
  assert.deepEqual(kind.parse("broker.example"), { hostname: "broker.example", port: undefined });
  assert.deepEqual(kind.parse("broker.example:5673"), { hostname: "broker.example", port: 5673 });
  assert.deepEqual(kind.parse("[::1]:5673"), { hostname: "::1", port: 5673 });
  assert.deepEqual(kind.parse("[::1]"), { hostname: "::1", port: undefined });
});
