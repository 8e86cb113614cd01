import assert from "node:assert/strict";
import { ConfigError } from "../../../lib/config/errors.ts";
import { AppError, describeError } from "../../../lib/errors.ts";

Deno.test("ConfigError lists all problems in one line", () => {
  const error = new ConfigError(["WEBSERVICE_PORT: expected a port", "RABBITMQ_TLS: expected true or false"]);
  assert.ok(error instanceof AppError);
  assert.equal(error.code, "configuration");
  assert.equal(
    describeError(error),
    "WEBSERVICE_PORT: expected a port; RABBITMQ_TLS: expected true or false",
  );
});
