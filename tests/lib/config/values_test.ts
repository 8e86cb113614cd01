import assert from "node:assert/strict";
import {
  assignments,
  bindAddress,
  boolean,
  choice,
  hostPort,
  integer,
  labelKey,
  logLevel,
  port,
  schedule,
  template,
  url,
} from "../../../lib/config/values.ts";

Deno.test("boolean takes exactly the spellings of Go's strconv.ParseBool", () => {
  for (const text of ["1", "t", "T", "TRUE", "true", "True"]) assert.equal(boolean.parse(text), true, text);
  for (const text of ["0", "f", "F", "FALSE", "false", "False"]) {
    assert.equal(boolean.parse(text), false, text);
  }
  for (const text of ["", "yes", "no", "tRUE", "on", "10", "true "]) {
    assert.throws(() => boolean.parse(text), RangeError, text);
  }
});

Deno.test("integer() takes decimal digits within its range, both ends included", () => {
  const kind = integer(2, 10);
  assert.deepEqual([kind.parse("2"), kind.parse("10")], [2, 10]);
  for (const text of ["1", "11", "", "+5", "-5", "5.0", "5e0", "0x5", "1_0", " 5"]) {
    assert.throws(() => kind.parse(text), { message: "expected a whole number from 2 to 10" }, text);
  }
  assert.deepEqual([port.parse("1"), port.parse("65535")], [1, 65535]);
});

Deno.test("choice() takes its words only, and names them", () => {
  const kind = choice("json", "console");
  assert.equal(kind.parse("json"), "json");
  assert.throws(() => kind.parse("xml"), { message: "expected one of json, console" });
});

Deno.test("hostPort takes a host with or without a port, and the brackets off an IPv6 address", () => {
  const kind = hostPort;
  assert.deepEqual(kind.parse("a.example"), { hostname: "a.example", port: undefined });
  assert.deepEqual(kind.parse("10.0.0.1:99"), { hostname: "10.0.0.1", port: 99 });
  assert.deepEqual(kind.parse("[fe80::1]:99"), { hostname: "fe80::1", port: 99 });
  for (const text of ["", "fe80::1", "a b", "a/b", "u@a", "[fe80::1", "a:", "a:x", "a:0", "a:65536"]) {
    assert.throws(() => kind.parse(text), RangeError, text);
  }
});

Deno.test("bindAddress takes all addresses, one address, or none", () => {
  assert.deepEqual(bindAddress.parse(":8081"), { hostname: undefined, port: 8081 });
  assert.deepEqual(bindAddress.parse("127.0.0.1:8081"), { hostname: "127.0.0.1", port: 8081 });
  assert.deepEqual(bindAddress.parse("[::1]:8081"), { hostname: "::1", port: 8081 });
  assert.equal(bindAddress.parse("0"), undefined);
  for (const text of ["", ":", "8081", "127.0.0.1", "[::1]", ":0", "http://a:1"]) {
    assert.throws(() => bindAddress.parse(text), { message: /^expected :PORT, HOST:PORT, or 0/ }, text);
  }
});

Deno.test("labelKey takes a name, and maybe a domain before it", () => {
  for (const key of ["a", "lagoon.sh/project", "a.b-c/D_e.f", "x".repeat(63)]) {
    assert.equal(labelKey.parse(key), key);
  }
  for (const key of ["", "/a", "a/", "a_", "x".repeat(64), "a=b", "a,b"]) {
    assert.throws(() => labelKey.parse(key), RangeError, key);
  }
});

Deno.test("schedule takes five fields, or a descriptor", () => {
  const good = ["* * * * *", "*/5 0-6,12 1 jan MON-FRI", "? * * * *", "@hourly", "@midnight", "@every 1h30m"];
  for (const text of good) assert.equal(schedule.parse(text), text);
});

Deno.test("url takes http and https only", () => {
  for (const text of ["http://a", "https://a.example:8443/base"]) assert.equal(url.parse(text), text);
  for (const text of ["", "a.example", "//a", "javascript:1", "https://"]) {
    assert.throws(() => url.parse(text), RangeError, text);
  }
});

Deno.test("template takes the five variables, in any spacing, and plain text", () => {
  const all =
    "{{ .ProjectName }}{{.EnvironmentName}}{{  .ServiceName  }}{{ .EnvironmentType }}{{ .Version }}";
  for (const text of ["", "unset", all]) assert.equal(template.parse(text), text);
  assert.throws(() => template.parse("{{ .Other }}"), /expected only variables of \{\{ \.ProjectName \}\}/);
});

Deno.test("assignments takes several with commas between them, and values with equals signs", () => {
  assert.deepEqual(assignments.parse(""), []);
  assert.deepEqual(assignments.parse("A=1,_b2=x=y,C="), ["A=1", "_b2=x=y", "C="]);
});

Deno.test("logLevel takes words, and numbers for debug", () => {
  for (const word of ["debug", "info", "warn", "error"] as const) assert.equal(logLevel.parse(word), word);
  assert.deepEqual([logLevel.parse("1"), logLevel.parse("10")], ["debug", "debug"]);
});
