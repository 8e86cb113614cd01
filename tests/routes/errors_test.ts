import assert from "node:assert/strict";
import { UnavailableError } from "../../lib/errors.ts";
import { issueToken } from "../../lib/tokens.ts";
import { ENVIRONMENT, SECRET, statusAndAnswer, TestApp } from "./fixture.ts";

Deno.test("A token whose environment id is no number is told so, for deletions in the Go remote's words", async () => {
  const message = "Cannot tell the environment as its id must be a whole number in decimal digits";
  const authorization = issueToken(SECRET, { ...ENVIRONMENT, environmentId: "main" });
  for (
    const request of ["POST /facts", "POST /problems", "DELETE /facts/drush", "DELETE /problems/Shipshape"]
  ) {
    const app = new TestApp();
    const isDeletion = request.startsWith("DELETE");
    const response = await app.send(request, { authorization, body: isDeletion ? undefined : [] });
    const status = isDeletion ? "BAD REQUEST" : "Unable to parse environment ID";
    assert.deepEqual(await statusAndAnswer(response), [400, { status, message }]);
    assert.deepEqual(app.publisher.messages, []);
  }
});

Deno.test("A body over the limit is answered with 413, with and without a known length", async () => {
  const stream = () => new Response(new Uint8Array(10_001).fill(0x20)).body!;
  for (const body of [" ".repeat(10_001), stream()]) {
    const app = new TestApp({ maxBodyBytes: 10_000 });
    assert.deepEqual(await statusAndAnswer(await app.send("POST /facts", { body })), [413, {
      status: "payload too large",
      message: "The body must have at most 10000 bytes",
    }]);
  }
});

Deno.test("More items than the limit are answered with 413, before anything else is said about them", async () => {
  const cases: [string, unknown, string][] = [
    ["POST /facts", Array(4).fill(1), "facts: expected at most 3 items"],
    ["POST /facts", { facts: Array(4).fill({ name: "n" }) }, "facts: expected at most 3 items"],
    ["POST /problems", Array(4).fill({}), "problems: expected at most 3 items"],
  ];
  for (const [request, body, message] of cases) {
    const app = new TestApp({ maxItems: 3 });
    const answer = await statusAndAnswer(await app.send(request, { body }));
    assert.deepEqual(answer, [413, { status: "payload too large", message }]);
    assert.deepEqual(app.publisher.messages, []);
  }
  assert.equal(
    (await new TestApp({ maxItems: 3 }).send("POST /facts", { body: Array(3).fill({ name: "n" }) })).status,
    200,
  );
});

Deno.test("A body that is too deep is answered with 400 and the limit", async () => {
  const app = new TestApp({ maxJsonDepth: 3 });
  const more = (depth: number) => ({
    body: `[{"name":"n","more":${"[".repeat(depth)}${"]".repeat(depth)}}]`,
  });
  assert.equal((await app.send("POST /facts", more(1))).status, 200);
  for (const request of ["POST /facts", "POST /problems"]) {
    assert.deepEqual(await statusAndAnswer(await app.send(request, more(2))), [400, {
      status: "Unable to parse incoming data",
      message: "body: expected arrays and objects at most 3 deep in each other",
    }]);
  }
  assert.equal(app.publisher.messages.length, 1);
});

Deno.test("A body that becomes a message too large for the broker is answered with 413 as well", async () => {
  const app = new TestApp({ maxBodyBytes: 20_000_000 });
  const body = Array.from(
    { length: 150 },
    (_, index) => ({ name: `${index}`, description: "x".repeat(65_000), category: "x".repeat(65_000) }),
  );
  const response = await app.send("POST /facts", { body });
  assert.equal(response.status, 413);
  assert.match(await response.text(), /Cannot send the message as it must have at most 16777216 bytes/);
  assert.deepEqual(app.publisher.messages, []);
});

Deno.test("Anything unexpected is answered without details, and logged with them but without the body", async () => {
  const app = new TestApp();
  app.publisher.beforeConfirm = () => {
    throw new TypeError("undefined is not a function");
  };
  const body = [{ name: "tenant's data" }];
  assert.deepEqual(await statusAndAnswer(await app.send("POST /facts", { body })), [500, {
    status: "internal error",
    message: "Something went wrong on this side",
  }]);
  assert.deepEqual(app.log.with("Request failed"), [{
    level: "error",
    message: "Request failed",
    fields: { request: "request-1", code: "internal", error: "undefined is not a function" },
  }]);
  assert(!JSON.stringify(app.log.lines).includes("tenant"));
});

Deno.test("The broker's address is logged, and not told to tenants", async () => {
  const app = new TestApp();
  app.publisher.beforeConfirm = () => {
    throw new UnavailableError("broker-closed", "Connection to 10.0.0.1:5672 closed");
  };
  assert(!(await (await app.send("DELETE /facts/drush")).text()).includes("10.0.0.1"));
  const [line, ...others] = app.log.lines;
  assert.equal(line!.fields.error, "Connection to 10.0.0.1:5672 closed");
  assert.equal(line!.fields.code, "broker-closed");
  // A broker that is away must not fill the log: it tells of itself.
  assert.equal(line!.level, "debug");
  assert.deepEqual(others, []);
});

Deno.test("What a client did wrong is logged by its code alone", async () => {
  const app = new TestApp();
  await app.send("POST /facts", { body: [{ name: 5 }] });
  assert.deepEqual(app.log.lines, [{
    level: "debug",
    message: "Request answered",
    fields: {
      request: "request-1",
      method: "POST",
      route: "/facts",
      path: "/facts",
      status: 400,
      milliseconds: 0,
      namespace: "proj-main",
      code: "body-invalid",
    },
  }]);
});
