import assert from "node:assert/strict";
import {
  assignments,
  bindAddress,
  boolean,
  choice,
  hostPort,
  hostPorts,
  integer,
  labelKey,
  logLevel,
  option,
  optional,
  port,
  seconds,
  template,
  text as anyText,
  url,
} from "../../../lib/config/values.ts";

Deno.test("option() derives the variable from the flag unless another is given", () => {
  assert.equal(option("a-long-name", anyText, "", { help: "" }).env, "A_LONG_NAME");
  assert.equal(option("a-long-name", anyText, "", { help: "", env: "OTHER" }).env, "OTHER");
});

Deno.test("optional() parses the text for off as undefined, and everything else as its kind does", () => {
  const kind = optional(integer(1, 3));
  assert.deepEqual([kind.parse(""), kind.parse("2")], [undefined, 2]);
  assert.throws(() => kind.parse("4"), RangeError);
  assert.deepEqual([optional(anyText, "off").parse("off"), optional(anyText, "off").parse("")], [
    undefined,
    "",
  ]);
});

Deno.test("boolean accepts exactly the spellings of Go's strconv.ParseBool", () => {
  for (const text of ["1", "t", "T", "TRUE", "true", "True"]) assert.equal(boolean.parse(text), true, text);
  for (const text of ["0", "f", "F", "FALSE", "false", "False"]) {
    assert.equal(boolean.parse(text), false, text);
  }
  for (const text of ["", "yes", "no", "tRUE", "on", "10", "true "]) {
    assert.throws(() => boolean.parse(text), RangeError, text);
  }
});

Deno.test("integer() accepts decimal digits within its range, including both ends", () => {
  const kind = integer(2, 10);
  assert.deepEqual([kind.parse("2"), kind.parse("10")], [2, 10]);
  for (const text of ["1", "11", "", "+5", "-5", "5.0", "5e0", "0x5", "1_0", " 5"]) {
    assert.throws(() => kind.parse(text), { message: "expected a whole number from 2 to 10" }, text);
  }
  assert.deepEqual([port.parse("1"), port.parse("65535")], [1, 65535]);
});

Deno.test("seconds() returns milliseconds", () => {
  assert.deepEqual([seconds(0, 60).parse("0"), seconds(0, 60).parse("60")], [0, 60_000]);
  assert.throws(() => seconds(0, 60).parse("61"), { message: "expected a whole number from 0 to 60" });
});

Deno.test("choice() accepts only its words, and lists them", () => {
  const kind = choice("json", "console");
  assert.equal(kind.parse("json"), "json");
  assert.throws(() => kind.parse("xml"), { message: "expected one of json, console" });
});

Deno.test("hostPort parses a host with or without a port, and removes the brackets of an IPv6 address", () => {
  const kind = hostPort;
  assert.deepEqual(kind.parse("a.example"), { hostname: "a.example", port: undefined });
  assert.deepEqual(kind.parse("10.0.0.1:99"), { hostname: "10.0.0.1", port: 99 });
  assert.deepEqual(kind.parse("[fe80::1]:99"), { hostname: "fe80::1", port: 99 });
  assert.deepEqual(kind.parse("[::1]"), { hostname: "::1", port: undefined });
  for (
    const text of [
      "",
      "fe80::1",
      "a b",
      "a/b",
      "u@a",
      "a,b",
      "bücher.example",
      "[fe80::1",
      "a:",
      "a:x",
      "a:0",
      "a:65536",
    ]
  ) {
    assert.throws(() => kind.parse(text), RangeError, text);
  }
});

Deno.test("hostPorts writes hosts as URLs do, with or without a port", () => {
  assert.deepEqual(hostPorts.parse("Track.example.com, bücher.example:8443,,[fd00:0::1]:1"), [
    { hostname: "track.example.com", port: undefined },
    { hostname: "xn--bcher-kva.example", port: 8443 },
    { hostname: "[fd00::1]", port: 1 },
  ]);
  assert.deepEqual(hostPorts.parse(""), []);
});

Deno.test("bindAddress parses all addresses, one address, or none", () => {
  assert.deepEqual(bindAddress.parse(":8081"), { hostname: undefined, port: 8081 });
  assert.deepEqual(bindAddress.parse("127.0.0.1:8081"), { hostname: "127.0.0.1", port: 8081 });
  assert.deepEqual(bindAddress.parse("[::1]:8081"), { hostname: "::1", port: 8081 });
  assert.equal(bindAddress.parse("0"), undefined);
  for (const text of ["", ":", "8081", "127.0.0.1", "[::1]", ":0", "http://a:1"]) {
    assert.throws(() => bindAddress.parse(text), { message: /^expected :PORT, HOST:PORT, or 0/ }, text);
  }
});

Deno.test("labelKey accepts a name with or without a domain", () => {
  for (const key of ["a", "lagoon.sh/project", "a.b-c/D_e.f", "x".repeat(63)]) {
    assert.equal(labelKey.parse(key), key);
  }
  for (const key of ["", "/a", "a/", "a_", "x".repeat(64), "a=b", "a,b"]) {
    assert.throws(() => labelKey.parse(key), RangeError, key);
  }
});

Deno.test("url accepts only http and https", () => {
  for (const text of ["http://a", "https://a.example:8443/base"]) assert.equal(url.parse(text), text);
  for (const text of ["", "a.example", "//a", "javascript:1", "https://"]) {
    assert.throws(() => url.parse(text), RangeError, text);
  }
});

Deno.test("template accepts the five variables, in any spacing, and plain text", () => {
  const all =
    "{{ .ProjectName }}{{.EnvironmentName}}{{  .ServiceName  }}{{ .EnvironmentType }}{{ .Version }}";
  for (const text of ["", "unset", all]) assert.equal(template.parse(text), text);
  assert.throws(() => template.parse("{{ .Other }}"), /expected only variables of \{\{ \.ProjectName \}\}/);
});

Deno.test("assignments splits a variable at commas, and a flag not at all", () => {
  assert.deepEqual(assignments.parse(""), {});
  assert.deepEqual(assignments.parse("A=1,_b2=x=y,C=,A=2"), { A: "2", _b2: "x=y", C: "" });
  assert.deepEqual(assignments.parseEach!(["A=1,2", "B=3"]), { A: "1,2", B: "3" });
});

Deno.test("logLevel accepts names, and numbers for debug", () => {
  for (const word of ["debug", "info", "warn", "error"] as const) assert.equal(logLevel.parse(word), word);
  assert.deepEqual([logLevel.parse("1"), logLevel.parse("10")], ["debug", "debug"]);
});
