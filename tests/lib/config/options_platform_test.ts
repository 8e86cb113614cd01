import assert from "node:assert/strict";
import { INTEGRATION_OPTIONS, PROCESS_OPTIONS, TOKEN_OPTIONS } from "../../../lib/config/options_platform.ts";

const ROWS = Object.values({ ...PROCESS_OPTIONS, ...INTEGRATION_OPTIONS, ...TOKEN_OPTIONS });

/** By flag, texts that must not be taken for a value. */
const BAD: Readonly<Record<string, readonly string[]>> = {
  "health-probe-bind-address": ["", "8081", "localhost", ":0", ":65536", "::1:8081"],
  "metrics-bind-address": ["off", "1"],
  "leader-elect": ["maybe"],
  "zap-encoder": ["xml"],
  "zap-log-level": ["0", "-1", "loud"],
  "zap-stacktrace-level": ["never"],
  "zap-time-encoding": ["sundial"],
  "dependency-track-api-endpoint": [
    "dtrack.example",
    "ftp://dtrack.example",
    "http://",
    "https://u:p@dtrack.example",
  ],
  "dependency-track-version-template": ["{{ .Namespace }}", "{{ .Version", "{{ printf }}", "{{}}"],
  "build-scanner-extra-env": ["A", "1A=x", "A-B=x", "A=1,B", "=x"],
  "generate-token-only-environment-id": ["main", "-1", "3.0"],
};

for (const [flag, texts] of Object.entries(BAD)) {
  Deno.test(`${flag} refuses what is no value of it`, () => {
    const row = ROWS.find((option) => option.flag === flag);
    assert.ok(row);
    for (const text of texts) assert.throws(() => row.kind.parse(text), RangeError, JSON.stringify(text));
  });
}

Deno.test("the key of Dependency-Track and the scanner's variables are secrets", () => {
  const secrets = ROWS.filter(({ secret }) => secret).map(({ flag }) => flag);
  assert.deepEqual(secrets, ["dependency-track-api-key", "build-scanner-extra-env"]);
});

Deno.test("options of parts that are not there yet say so", () => {
  const later = ROWS.filter(({ help }) => help.includes("Not in this version yet")).map(({ flag }) => flag);
  assert.deepEqual(later.sort(), [
    "enable-build-scanner",
    "enable-dependency-track-integration",
  ]);
});
