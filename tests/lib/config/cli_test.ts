import assert from "node:assert/strict";
import { parseCommand } from "../../../lib/config/cli.ts";
import { ConfigError } from "../../../lib/config/read.ts";

const SECRET = "a secret of enough bytes";

function parse(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const variables: Readonly<Record<string, string>> = { INSIGHTS_TOKEN_SECRET: SECRET, ...env };
  return parseCommand(args, (name) => variables[name]);
}

Deno.test("parseCommand() recognises help and version, whatever else is wrong", () => {
  const wrong = { WEBSERVICE_PORT: "x", INSIGHTS_TOKEN_SECRET: "" };
  for (const flag of ["-h", "-help", "--help"]) assert.deepEqual(parse([flag], wrong), { kind: "help" });
  for (const flag of ["-version", "--version"]) assert.deepEqual(parse([flag], wrong), { kind: "version" });
});

Deno.test("parseCommand() serves by default", () => {
  const command = parse(["--webservice-port=9999"]);
  assert.equal(command.kind, "serve");
  assert.equal(command.config.web.port, 9999);
  assert.deepEqual(command.description, { INSIGHTS_TOKEN_SECRET: "(secret)", WEBSERVICE_PORT: "9999" });
});

Deno.test("parseCommand() prints the permissions of a valid configuration", () => {
  const command = parse(["permissions", "--webservice-port=9999"]);
  assert.equal(command.kind, "permissions");
  assert.equal(command.config.web.port, 9999);
  assert.throws(() => parse(["permissions"], { WEBSERVICE_PORT: "x" }), ConfigError);
});

Deno.test("parseCommand() rejects an invalid configuration", () => {
  assert.throws(() => parse([], { WEBSERVICE_PORT: "x" }), ConfigError);
  assert.throws(() => parse([], { INSIGHTS_TOKEN_SECRET: "" }), ConfigError);
});

Deno.test("parseCommand() generates a token for the environment that the flags name", () => {
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

Deno.test("a token needs a secret, a namespace and an environment id", () => {
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

Deno.test("a token needs a strong secret, unless the run is local", () => {
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

Deno.test("a token needs no valid configuration of the service", () => {
  const args = [
    "--generate-token-only",
    "--generate-token-only-namespace=a",
    "--generate-token-only-environment-id=1",
  ];
  assert.equal(parse(args, { RABBITMQ_CLIENTCERT: "/tls/alone.crt" }).kind, "generate-token");
});
