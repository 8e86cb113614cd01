import assert from "node:assert/strict";
import { createLogger } from "../../lib/log.ts";

Deno.test("createLogger() writes one JSON object per line, with the fields next to the message", () => {
  const lines: string[] = [];
  const log = createLogger({ level: "info", encoder: "json" }, (line) => lines.push(line));
  log.info("ConfigMap sent", { object: "main/web", count: 2 });
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /^[^\n]+\n$/);
  const { "@timestamp": time, ...rest } = JSON.parse(lines[0]!);
  assert.ok(!Number.isNaN(Date.parse(time)));
  assert.deepEqual(rest, {
    level: "INFO",
    message: "ConfigMap sent",
    logger: "insights-remote",
    object: "main/web",
    count: 2,
  });
});

Deno.test("createLogger() leaves out lines below its level", () => {
  const lines: string[] = [];
  const log = createLogger(
    { level: "warn", encoder: "json" },
    (line) => lines.push(JSON.parse(line).message),
  );
  log.debug("a");
  log.info("b");
  log.warn("c");
  log.error("d");
  assert.deepEqual(lines, ["c", "d"]);
});

Deno.test("createLogger() keeps braces in a message", () => {
  const lines: string[] = [];
  const log = createLogger(
    { level: "info", encoder: "json" },
    (line) => lines.push(JSON.parse(line).message),
  );
  log.info("a {b} c", { b: 1 });
  assert.deepEqual(lines, ["a {b} c"]);
});

Deno.test("createLogger() writes readable lines for the console", () => {
  const lines: string[] = [];
  const log = createLogger({ level: "debug", encoder: "console" }, (line) => lines.push(line));
  log.debug("Reconcile met a newer object", { object: "main/web" });
  assert.match(
    lines[0]!,
    /^time=\S+ level=debug logger=insights-remote msg="Reconcile met a newer object" object=main\/web\n$/,
  );
});
