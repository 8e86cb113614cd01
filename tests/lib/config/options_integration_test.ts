import assert from "node:assert/strict";
import { INTEGRATION_OPTIONS } from "../../../lib/config/options_integration.ts";

const ROWS = Object.values(INTEGRATION_OPTIONS);

/** By flag, texts that must not be taken for a value. */
const BAD: Readonly<Record<string, readonly string[]>> = {
  "dependency-track-api-endpoint": [
    "dtrack.example",
    "ftp://dtrack.example",
    "http://",
    "https://u:p@dtrack.example",
  ],
  "dependency-track-version-template": ["{{ .Namespace }}", "{{ .Version", "{{ printf }}", "{{}}"],
  "dependency-track-allowed-hosts": ["https://a", "a b", "a:0", "a/b", "u@a", "a%"],
  "dependency-track-max-concurrent": ["0", "101", "x"],
  "dependency-track-max-sbom-bytes": ["0", "-1"],
  "dependency-track-request-timeout": ["0", "601"],
  "dependency-track-processing-timeout": ["0", "3601"],
  "build-scanner-extra-env": ["A", "1A=x", "A-B=x", "A=1,B", "=x"],
};

for (const [flag, texts] of Object.entries(BAD)) {
  Deno.test(`${flag} refuses what is no value of it`, () => {
    const row = ROWS.find((option) => option.flag === flag);
    assert.ok(row);
    for (const text of texts) assert.throws(() => row.kind.parse(text), RangeError, JSON.stringify(text));
  });
}

Deno.test("allowed hosts are written as URLs write them, with or without a port", () => {
  assert.deepEqual(
    INTEGRATION_OPTIONS.trackAllowedHosts.kind.parse("Track.example.com, bücher.example:8443,,[fd00:0::1]:1"),
    [
      { hostname: "track.example.com", port: undefined },
      { hostname: "xn--bcher-kva.example", port: 8443 },
      { hostname: "[fd00::1]", port: 1 },
    ],
  );
  assert.deepEqual(INTEGRATION_OPTIONS.trackAllowedHosts.kind.parse(""), []);
});

Deno.test("the key of Dependency-Track and the scanner's variables are secrets", () => {
  const secrets = ROWS.filter(({ secret }) => secret).map(({ flag }) => flag);
  assert.deepEqual(secrets, ["dependency-track-api-key", "build-scanner-extra-env"]);
});
