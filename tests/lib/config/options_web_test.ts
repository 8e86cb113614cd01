import assert from "node:assert/strict";
import { WEB_OPTIONS } from "../../../lib/config/options_web.ts";

const ROWS = Object.values(WEB_OPTIONS);

/** By flag, texts that must not be taken for a value. */
const BAD: Readonly<Record<string, readonly string[]>> = {
  "webservice-port": ["0", "65536", "http", "0x50", "tcp://10.0.0.1:80"],
  "webservice-max-body-bytes": ["1023", "16777217"],
  "webservice-max-items": ["0", "1000001", "many"],
  "webservice-max-item-bytes": ["1023", "16777217"],
  "webservice-max-json-depth": ["2", "10001"],
  "webservice-max-in-flight": ["1", "10001"],
  "webservice-max-buffered-bytes": ["1023", "1000000001", "24M"],
  "webservice-max-large-bodies": ["0", "101"],
  "webservice-large-body-wait": ["0", "61", "5s"],
  "webservice-max-connections": ["15", "100001"],
  "webservice-header-timeout": ["0", "61", "5s"],
  "webservice-request-timeout": ["0", "301", "10s"],
  "token-target-label": ["-a", "a/b/c", "A/b", "with space"],
};

for (const [flag, texts] of Object.entries(BAD)) {
  Deno.test(`${flag} refuses what is no value of it`, () => {
    const row = ROWS.find((option) => option.flag === flag);
    assert.ok(row);
    for (const text of texts) assert.throws(() => row.kind.parse(text), RangeError, JSON.stringify(text));
  });
}

Deno.test("what signs tokens is a secret", () => {
  assert.deepEqual(ROWS.filter(({ secret }) => secret).map(({ flag }) => flag), [
    "insights-token-secret",
    "insights-token-previous-secret",
  ]);
});
