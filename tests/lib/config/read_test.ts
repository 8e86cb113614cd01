import assert from "node:assert/strict";
import { ALL_OPTIONS, OPTIONS } from "../../../lib/config/options.ts";
import { ConfigError, readValues } from "../../../lib/config/read.ts";

function read(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return readValues(args, (name) => env[name]).values;
}

function problemsOf(args: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  try {
    read(args, env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.ok(!error.message.includes("\n"), "more than one line");
    return error.message;
  }
  return assert.fail("no error");
}

Deno.test("readValues() reads the variables of the table and no others", () => {
  const names: string[] = [];
  readValues([], (name) => {
    names.push(name);
    return undefined;
  });
  assert.deepEqual(names.sort(), ALL_OPTIONS.map(({ env }) => env).sort());
});

Deno.test("readValues() returns the defaults if nothing is set", () => {
  const values = read([]);
  for (const [section, options] of Object.entries(OPTIONS)) {
    const expected = Object.entries(options).map((
      [name, { kind, defaultText }],
    ) => [name, kind.parse(defaultText)]);
    assert.deepEqual(values[section as keyof typeof values], Object.fromEntries(expected));
  }
});

/** Valid values for options that have no default and accept neither any text nor a number. */
const SAMPLES: Readonly<Record<string, string>> = {
  "zap-encoder": "json",
  "dependency-track-api-endpoint": "https://track.example",
  "build-scanner-extra-env": "A=1",
};

Deno.test("readValues() reads every flag and every variable", () => {
  for (const [section, options] of Object.entries(OPTIONS)) {
    for (const [name, { flag, env, kind, defaultText }] of Object.entries(options)) {
      const sample = SAMPLES[flag] ?? (defaultText || "1");
      const valueOf = (values: ReturnType<typeof read>) =>
        (values[section as keyof typeof values] as Record<string, unknown>)[name];
      assert.deepEqual(valueOf(read([`--${flag}=${sample}`])), kind.parse(sample), `--${flag}`);
      assert.deepEqual(valueOf(read([], { [env]: sample })), kind.parse(sample), env);
    }
  }
});

Deno.test("readValues() accepts flags in all of Go's forms", () => {
  for (const args of [["-webservice-port=1"], ["--webservice-port=1"], ["-webservice-port", "1"]]) {
    assert.equal(read(args).web.port, 1, args.join(" "));
  }
  assert.equal(read(["--webservice-port", "1", "--webservice-port", "2"]).web.port, 2);
  assert.equal(read(["--rabbitmq-username=a=b"]).broker.username, "a=b");
  assert.equal(read(["--rabbitmq-username", "--x"]).broker.username, "--x");
  assert.equal(read(["--webservice-port=1", "--"]).web.port, 1);
});

Deno.test("readValues() takes a boolean flag alone as true, and never the next argument as its value", () => {
  assert.equal(read(["--burn-after-reading"]).configMaps.burnAfterReading, true);
  assert.equal(read(["--enable-webservice=F"]).web.enabled, false);
  const values = read(["--burn-after-reading", "--webservice-port", "1"]);
  assert.deepEqual([values.configMaps.burnAfterReading, values.web.port], [true, 1]);
  assert.match(problemsOf(["--burn-after-reading", "false"]), /expected/);
});

Deno.test("variables override flags, and an empty variable counts as not set", () => {
  assert.equal(read(["--webservice-port=1"], { WEBSERVICE_PORT: "2" }).web.port, 2);
  assert.equal(read(["--webservice-port=1"], { WEBSERVICE_PORT: "" }).web.port, 1);
  assert.equal(read([], { ENABLE_WEBSERVICE: "" }).web.enabled, true);
});

Deno.test("readValues() reports all problems at once, by variable or flag", () => {
  const message = problemsOf(["--rabbitmq-tls=on", "--webservice-por=1"], { WEBSERVICE_PORT: "x" });
  assert.match(message, /--rabbitmq-tls: expected true or false/);
  assert.match(message, /--webservice-por: unknown flag/);
  assert.match(message, /WEBSERVICE_PORT: expected a whole number from 1 to 65535/);
});

Deno.test("readValues() rejects arguments that are not flags, and flags without their value", () => {
  assert.match(problemsOf(["--webservice-port"]), /^--webservice-port: expected a value$/);
  for (const args of [["serve"], ["-"], ["---webservice-port=1"], ["--=1"], ["--", "serve"]]) {
    assert.match(problemsOf(args), /expected/, args.join(" "));
  }
});

Deno.test("the value of an unknown flag is not shown", () => {
  assert.ok(!problemsOf(["--rabbitmq-pasword=hunter2"]).includes("hunter2"));
});

Deno.test("readValues() splits a variable at commas, and collects the values of a repeated flag", () => {
  const variable = read([], { BUILD_SCANNER_EXTRA_ENV_VARS: "A=1,B=2" });
  assert.deepEqual(variable.scanner.extraEnv, { A: "1", B: "2" });
  const flags = read(["--build-scanner-extra-env=A=1,2", "--build-scanner-extra-env", "B=3"]);
  assert.deepEqual(flags.scanner.extraEnv, { A: "1,2", B: "3" });
});

Deno.test("errors show no value, which may contain a password", () => {
  const texts = [
    problemsOf([], { RABBITMQ_ADDRESS: "amqp://user:hunter2@broker" }),
    problemsOf([], { DEPENDENCY_TRACK_API_ENDPOINT: "https://user:hunter2@track" }),
    problemsOf(["--rabbitmq-password", "correct", "hunter2"]),
    problemsOf(["--hunter2\nmore=1"]),
  ];
  for (const text of texts) assert.ok(!text.includes("hunter2"), text);
});

Deno.test("the description has the options that differ from their defaults, as written, without secrets", () => {
  const env: Readonly<Record<string, string>> = {
    INSIGHTS_TOKEN_SECRET: "sentinel-1",
    INSIGHTS_TOKEN_PREVIOUS_SECRET: "sentinel-2",
    RABBITMQ_PASSWORD: "sentinel-3",
    DEPENDENCY_TRACK_API_KEY: "sentinel-4",
    BUILD_SCANNER_EXTRA_ENV_VARS: "A=sentinel-5",
    WEBSERVICE_PORT: "9999",
    ENABLE_WEBSERVICE: "T",
  };
  const { description } = readValues(["--webservice-header-timeout=7"], (name) => env[name]);
  assert.deepEqual(description, {
    INSIGHTS_TOKEN_SECRET: "(secret)",
    INSIGHTS_TOKEN_PREVIOUS_SECRET: "(secret)",
    RABBITMQ_PASSWORD: "(secret)",
    DEPENDENCY_TRACK_API_KEY: "(secret)",
    BUILD_SCANNER_EXTRA_ENV_VARS: "(secret)",
    WEBSERVICE_PORT: "9999",
    WEBSERVICE_HEADER_TIMEOUT: "7",
  });
});
