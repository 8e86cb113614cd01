import assert from "node:assert/strict";
import { ConfigError } from "../../../lib/config/errors.ts";
import { OPTIONS } from "../../../lib/config/options.ts";
import { readValues } from "../../../lib/config/read.ts";

function read(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return readValues(args, (name) => env[name]);
}

function problemsOf(args: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  try {
    read(args, env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.ok(!error.message.includes("\n"), "more than one line");
    return error.message;
  }
  return assert.fail("nothing was refused");
}

Deno.test("readValues() gives each option its default when nothing is set", () => {
  const values = read([]);
  for (const [name, { kind, defaultText }] of Object.entries(OPTIONS)) {
    assert.deepEqual(values[name as keyof typeof values], kind.parse(defaultText), name);
  }
});

Deno.test("readValues() takes every flag, and every variable", () => {
  for (const { flag, env, kind, defaultText } of Object.values(OPTIONS)) {
    const text = defaultText === "" ? "1" : defaultText;
    // A number stands for itself, a name, a level and a path; these have a syntax of their own.
    const samples: Readonly<Record<string, string>> = {
      "zap-encoder": "json",
      "zap-stacktrace-level": "error",
      "zap-time-encoding": "epoch",
      "dependency-track-api-endpoint": "https://dtrack.example",
      "build-scanner-extra-env": "A=1",
    };
    const sample = samples[flag] ?? text;
    const expected = kind.parse(sample);
    const [name] = Object.entries(OPTIONS).find(([, row]) => row.flag === flag) ?? [];
    const key = name as keyof typeof OPTIONS;
    assert.deepEqual(read([`--${flag}=${sample}`])[key], expected, `--${flag}`);
    assert.deepEqual(read([], { [env]: sample })[key], expected, env);
  }
});

Deno.test("readValues() takes flags in all of Go's forms", () => {
  for (const args of [["-webservice-port=1"], ["--webservice-port=1"], ["-webservice-port", "1"]]) {
    assert.equal(read(args).webPort, 1, args.join(" "));
  }
  assert.equal(read(["--webservice-port", "1", "--webservice-port", "2"]).webPort, 2);
  assert.equal(read(["--rabbitmq-username=a=b"]).brokerUsername, "a=b");
  assert.equal(read(["--rabbitmq-username", "--x"]).brokerUsername, "--x");
  assert.equal(read(["--webservice-port=1", "--"]).webPort, 1);
});

Deno.test("readValues() takes a boolean flag alone for true, and never the next argument as its value", () => {
  assert.equal(read(["--burn-after-reading"]).burnAfterReading, true);
  assert.equal(read(["--enable-webservice=F"]).webEnabled, false);
  const values = read(["--burn-after-reading", "--webservice-port", "1"]);
  assert.deepEqual([values.burnAfterReading, values.webPort], [true, 1]);
  assert.match(problemsOf(["--burn-after-reading", "false"]), /expected/);
});

Deno.test("readValues() lets variables win over flags, and takes an empty one for not set", () => {
  assert.equal(read(["--webservice-port=1"], { WEBSERVICE_PORT: "2" }).webPort, 2);
  assert.equal(read(["--webservice-port=1"], { WEBSERVICE_PORT: "" }).webPort, 1);
  assert.equal(read([], { ENABLE_WEBSERVICE: "" }).webEnabled, true);
});

Deno.test("readValues() adds up a repeatable flag", () => {
  const values = read(["--build-scanner-extra-env", "A=1", "--build-scanner-extra-env=B=2"]);
  assert.deepEqual(values.scannerEnv, ["A=1", "B=2"]);
});

Deno.test("readValues() tells everything that is wrong at once, by variable or flag", () => {
  const message = problemsOf(["--rabbitmq-tls=on", "--webservice-por=1"], { WEBSERVICE_PORT: "x" });
  assert.match(message, /--rabbitmq-tls: expected true or false/);
  assert.match(message, /--webservice-por: there is no such flag/);
  assert.match(message, /WEBSERVICE_PORT: expected a whole number from 1 to 65535/);
});

Deno.test("readValues() refuses what is no flag, and a flag without its value", () => {
  assert.match(problemsOf(["--webservice-port"]), /^--webservice-port: expected a value$/);
  for (const args of [["serve"], ["-"], ["---webservice-port=1"], ["--=1"], ["--", "serve"]]) {
    assert.match(problemsOf(args), /expected/, args.join(" "));
  }
});

Deno.test("readValues() never tells the value of an unknown flag", () => {
  assert.ok(!problemsOf(["--rabbitmq-pasword=hunter2"]).includes("hunter2"));
});

Deno.test("readValues() splits variables at commas, and takes each flag's value whole", () => {
  assert.deepEqual(read([], { BUILD_SCANNER_EXTRA_ENV_VARS: "A=1,B=2" }).scannerEnv, ["A=1", "B=2"]);
  assert.deepEqual(read(["--build-scanner-extra-env=A=1,2", "--build-scanner-extra-env", "B=3"]).scannerEnv, [
    "A=1,2",
    "B=3",
  ]);
});

Deno.test("readValues() shows no value, in which there may be a password", () => {
  const texts = [
    problemsOf([], { RABBITMQ_ADDRESS: "amqp://user:hunter2@broker" }),
    problemsOf([], { DEPENDENCY_TRACK_API_ENDPOINT: "https://user:hunter2@track" }),
    problemsOf(["--rabbitmq-password", "correct", "hunter2"]),
    problemsOf(["--hunter2\nmore=1"]),
  ];
  for (const text of texts) assert.ok(!text.includes("hunter2"), text);
});
