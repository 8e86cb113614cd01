import assert from "node:assert/strict";
import { statusAndAnswer, TestApp } from "./fixture.ts";

Deno.test("Unknown paths are answered with 404 in the shape of all errors", async () => {
  const app = new TestApp();
  for (const request of ["GET /", "POST /fact", "DELETE /facts/a/b/c", "DELETE /facts//b"]) {
    assert.deepEqual(await statusAndAnswer(await app.send(request)), [404, {
      status: "not found",
      message: "There is nothing at this path",
    }], request);
  }
});

Deno.test("Unknown methods are answered with 405 and the known ones", async () => {
  const cases: [string, string][] = [
    ["GET /facts", "POST"],
    ["PUT /problems", "POST"],
    ["DELETE /facts", "POST"],
    ["DELETE /problems/", "POST"],
    ["POST /facts/drush", "DELETE"],
    ["GET /problems/Shipshape/cli", "DELETE"],
  ];
  for (const [request, allow] of cases) {
    const response = await new TestApp().send(request, { authorization: null });
    assert.equal(response.headers.get("allow"), allow, request);
    assert.deepEqual(await statusAndAnswer(response), [405, {
      status: "method not allowed",
      message: `Only these methods are known at this path: ${allow}`,
    }]);
  }
});

Deno.test("HEAD is answered with 405 and without a body", async () => {
  const response = await new TestApp().send("HEAD /facts");
  assert.equal(response.status, 405);
  assert.equal(await response.text(), "");
});

Deno.test("A slash at the end of a path makes no difference", async () => {
  const app = new TestApp();
  assert.equal((await app.send("POST /facts/", { body: [] })).status, 200);
  assert.equal((await app.send("DELETE /problems/Shipshape/cli/")).status, 200);
  assert.equal(app.publisher.bodies[1]!.service, "cli");
});
