import assert from "node:assert/strict";
import { TestApp } from "./fixture.ts";

Deno.test("Each request is one line at debug, with the id that the client gets and the message has", async () => {
  const app = new TestApp();
  const response = await app.send("DELETE /facts/drush/cli");
  assert.equal(response.headers.get("x-request-id"), "request-1");
  assert.deepEqual(app.publisher.messages.map(({ id }) => id), ["request-1"]);
  assert.deepEqual(app.log.with("Request answered"), [{
    level: "debug",
    message: "Request answered",
    fields: {
      request: "request-1",
      method: "DELETE",
      route: "/facts/:source/:service?",
      path: "/facts/drush/cli",
      status: 200,
      milliseconds: 0,
      namespace: "proj-main",
      type: "direct.delete.facts",
      bytes: app.publisher.messages[0]!.body.length,
      warnings: 0,
    },
  }]);
});

Deno.test("Refused requests have an id as well, and never the one that the client chose", async () => {
  const app = new TestApp();
  const headers = { "x-request-id": "chosen" };
  const response = await app.send("POST /facts", { authorization: null, body: [], headers });
  assert.equal(response.headers.get("x-request-id"), "request-1");
  const { fields } = app.log.with("Request answered")[0]!;
  assert.deepEqual([fields.status, fields.code], [401, "token-missing"]);
});

Deno.test("Requests are counted by route, method and status, whatever words clients put into them", async () => {
  const app = new TestApp();
  for (let n = 0; n < 3; n++) await app.send(`DELETE /facts/source-${n}`);
  await app.send("POST /problems", { body: "{" });
  await app.send("GET /facts");
  await app.send(`POST /${crypto.randomUUID()}`, { body: [] });
  await app.send("BREW /facts");
  const { text } = await app.metrics.render();
  const counts = text.split("\n").filter((line) => line.startsWith("insights_remote_http_requests_total{"));
  assert.deepEqual(counts.map((line) => line.replace("insights_remote_http_requests_total", "")).sort(), [
    '{route="/facts/:source/:service?",method="DELETE",code="200"} 3',
    '{route="/problems",method="POST",code="400"} 1',
    '{route="other",method="GET",code="405"} 1',
    '{route="other",method="POST",code="404"} 1',
    '{route="other",method="other",code="405"} 1',
  ]);
});
