import assert from "node:assert/strict";
import { parseCommand } from "../../../lib/config/cli.ts";
import { ConfigError } from "../../../lib/config/errors.ts";

const SECRET = "a secret of enough bytes";

function parse(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const variables: Readonly<Record<string, string>> = { INSIGHTS_TOKEN_SECRET: SECRET, ...env };
  return parseCommand(args, (name) => variables[name]);
}

Deno.test("parseCommand() helps, and tells the version, whatever else is wrong", () => {
  const wrong = { WEBSERVICE_PORT: "x", INSIGHTS_TOKEN_SECRET: "" };
  for (const flag of ["-h", "-help", "--help"]) assert.deepEqual(parse([flag], wrong), { kind: "help" });
  for (const flag of ["-version", "--version"]) assert.deepEqual(parse([flag], wrong), { kind: "version" });
});

Deno.test("parseCommand() serves when it is asked for nothing else", () => {
  const command = parse(["--webservice-port=9999"]);
  assert.equal(command.kind, "serve");
  assert.equal(command.config.web.port, 9999);
  assert.deepEqual(command.description, { INSIGHTS_TOKEN_SECRET: "(secret)", WEBSERVICE_PORT: 9999 });
});

Deno.test("parseCommand() prints permissions of a configuration, which must be right", () => {
  const command = parse(["permissions", "--webservice-port=9999"]);
  assert.equal(command.kind, "permissions");
  assert.equal(command.config.web.port, 9999);
  assert.throws(() => parse(["permissions"], { WEBSERVICE_PORT: "x" }), ConfigError);
});

Deno.test("parseCommand() refuses a wrong configuration", () => {
  assert.throws(() => parse([], { WEBSERVICE_PORT: "x" }), ConfigError);
  assert.throws(() => parse([], { INSIGHTS_TOKEN_SECRET: "" }), ConfigError);
});

Deno.test("parseCommand() prints the token of the environment that flags name", () => {
  const args = [
    "--generate-token-only",
    "--generate-token-only-namespace=proj-main",
    "--generate-token-only-environment-id=3",
    "--generate-token-only-project-name=proj",
    "--generate-token-only-environment-name=main",
  ];
  assert.deepEqual(parse(args), {
    kind: "generate-token",
    secret: SECRET,
    environment: {
      namespace: "proj-main",
      environmentId: "3",
      projectName: "proj",
      environmentName: "main",
    },
  });
});

Deno.test("parseCommand() prints no token without a secret, a namespace and an environment id", () => {
  assert.throws(
    () => parse(["--generate-token-only"], { INSIGHTS_TOKEN_SECRET: "" }),
    (error) => {
      assert.ok(error instanceof ConfigError);
      for (
        const name of [
          "INSIGHTS_TOKEN_SECRET: ",
          "--generate-token-only-namespace: ",
          "--generate-token-only-environment-id: ",
        ]
      ) assert.ok(error.message.includes(name), name);
      return true;
    },
  );
});

Deno.test("parseCommand() prints no token that a weak secret signs, unless the run is local", () => {
  const args = [
    "--generate-token-only",
    "--generate-token-only-namespace=a",
    "--generate-token-only-environment-id=1",
  ];
  for (const weak of ["", "testsecret", "fifteen bytes!!", " ".repeat(20), "a".repeat(20)]) {
    assert.throws(() => parse(args, { INSIGHTS_TOKEN_SECRET: weak }), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, /^INSIGHTS_TOKEN_SECRET: expected [^\n]*$/);
      return true;
    });
    assert.equal(parse(args, { INSIGHTS_TOKEN_SECRET: weak, INSIGHTS_LOCAL: "true" }).kind, "generate-token");
  }
});

Deno.test("parseCommand() prints a token even where parts are turned on that this version doesn't have", () => {
  const args = [
    "--generate-token-only",
    "--generate-token-only-namespace=a",
    "--generate-token-only-environment-id=1",
  ];
  assert.equal(parse(args, { RABBITMQ_TLS: "true" }).kind, "generate-token");
});
