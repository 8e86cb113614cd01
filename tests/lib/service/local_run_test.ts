import assert from "node:assert/strict";
import { logHowToReach } from "../../../lib/service/local_run.ts";
import { MemoryLogger } from "../../fixtures/recorders.ts";

Deno.test("logHowToReach() names address and command in one line at info, and the command survives a log line's quotes", () => {
  const log = new MemoryLogger();
  logHowToReach(log, 8888);
  const [line, ...others] = log.lines;
  assert.deepEqual([line?.level, others], ["info", []]);
  assert.equal(line?.fields?.["url"], "http://localhost:8888");
  const post = String(line?.fields?.["post"]);
  assert.match(post, / http:\/\/localhost:8888\/facts /);
  assert.equal(JSON.stringify(post), `"${post}"`);
});

Deno.test("logHowToReach() says nothing where no posts are taken", () => {
  const log = new MemoryLogger();
  logHowToReach(log, undefined);
  assert.deepEqual(log.lines, []);
});
