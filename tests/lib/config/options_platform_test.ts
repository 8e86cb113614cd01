import assert from "node:assert/strict";
import { PROCESS_OPTIONS, TOKEN_OPTIONS } from "../../../lib/config/options_platform.ts";

const ROWS = Object.values({ ...PROCESS_OPTIONS, ...TOKEN_OPTIONS });

/** By flag, texts that must not be taken for a value. */
const BAD: Readonly<Record<string, readonly string[]>> = {
  "health-probe-bind-address": ["", "8081", "localhost", ":0", ":65536", "::1:8081"],
  "metrics-bind-address": ["off", "1"],
  "leader-elect": ["maybe"],
  "zap-encoder": ["xml"],
  "zap-log-level": ["0", "-1", "loud"],
  "zap-stacktrace-level": ["never"],
  "zap-time-encoding": ["sundial"],
  "generate-token-only-environment-id": ["main", "-1", "3.0"],
};

for (const [flag, texts] of Object.entries(BAD)) {
  Deno.test(`${flag} refuses what is no value of it`, () => {
    const row = ROWS.find((option) => option.flag === flag);
    assert.ok(row);
    for (const text of texts) assert.throws(() => row.kind.parse(text), RangeError, JSON.stringify(text));
  });
}
