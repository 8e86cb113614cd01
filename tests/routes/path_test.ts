/** The path parameters of deletions: core receives exactly what was encoded. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { assertAcceptable } from "../fixtures/handler_rules.ts";
import { statusAndAnswer, TestApp } from "./fixture.ts";

const LISTS = ["facts", "problems"] as const;

/** Sends a DELETE, and returns what core receives, as `source|service`. */
async function deleted(list: string, path: string): Promise<string> {
  const app = new TestApp();
  const response = await app.send(`DELETE /${list}/${path}`);
  assert.deepEqual(await statusAndAnswer(response), [200, { message: "okay" }], path);
  assert.equal(app.publisher.messages.length, 1);
  assertAcceptable(app.publisher.messages[0]!.body);
  const { type, environment, source, service } = app.publisher.bodies[0]!;
  assert.deepEqual([type, environment], [`direct.delete.${list}`, 3]);
  return `${source}|${service}`;
}

Deno.test("Source and service are decoded once", async () => {
  const cases: [string, string][] = [
    ["a%2Fb", "a/b|"],
    ["a%2fb%2F/c%2Fd", "a/b/|c/d"],
    ["%2F", "/|"],
    ["a%252Fb", "a%2Fb|"],
    ["a%25252Fb/%2525", "a%252Fb|%25"],
    ["100%25", "100%|"],
    ["a%2541", "a%41|"],
    ["%C3%A9%20%3F%23+", "é ?#+|"],
    ["é", "é|"],
    ["a/%E2%82%AC", "a|€"],
    [":source", ":source|"],
    ["*/%2A", "*|*"],
    ["a?b=c#d", "a|"],
    ["a%3Bb;c=d", "a;b;c=d|"],
    ["drush%5Cpml", "drush\\pml|"],
    ["%22%7B%7D", '"{}|'],
    ["__proto__/constructor", "__proto__|constructor"],
  ];
  for (const list of LISTS) {
    for (const [path, expected] of cases) assert.equal(await deleted(list, path), expected, path);
  }
});

// Posted sources may contain them, and a deletion must match what was posted.
Deno.test("Control characters are passed through", async () => {
  for (const list of LISTS) assert.equal(await deleted(list, "a%00%0A/%1B%7F"), "a\u0000\n|\u001b\u007f");
});

Deno.test("Any source and service arrive unchanged", async () => {
  // URL parsing removes "." and ".." segments, however they are encoded.
  const part = fc.string({ unit: "binary", minLength: 1, maxLength: 20 })
    .filter((text) => text !== "." && text !== ".." && !/[\ud800-\udfff]/.test(text));
  const hostile = fc.string({ unit: fc.constantFrom(..."%2Ff5./\\?#é€ +:;"), minLength: 1 })
    .filter((text) => text !== "." && text !== "..");
  const parts = fc.array(fc.oneof(part, hostile), { minLength: 1, maxLength: 2 });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...LISTS), parts, async (list, [source = "", service = ""]) => {
      const path = service === "" ? [source] : [source, service];
      assert.equal(await deleted(list, path.map(encodeURIComponent).join("/")), `${source}|${service}`);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("A path that can't be decoded is rejected", async () => {
  for (const list of LISTS) {
    for (const part of ["%E0%A4%A", "100%", "%ff", "drush/%zz", "%ED%A0%80", "%C0%AF", "%"]) {
      const app = new TestApp();
      assert.deepEqual(await statusAndAnswer(await app.send(`DELETE /${list}/${part}`)), [400, {
        status: "BAD REQUEST",
        message: "The path must be percent-encoded UTF-8",
      }], part);
      assert.deepEqual(app.publisher.messages, []);
    }
  }
});

Deno.test("An empty source, or a third segment, gets an error and deletes nothing", async () => {
  const app = new TestApp();
  for (const list of LISTS) {
    for (
      const [path, status] of [["", 405], ["/", 405], ["//", 404], ["//cli", 404], ["/a/b/c", 404], [
        "/a//c",
        404,
      ]]
    ) {
      const response = await app.send(`DELETE /${list}${path}`);
      const answer = await response.json();
      assert.equal(response.status, status, `/${list}${path}`);
      assert.deepEqual(Object.keys(answer), ["status", "message"]);
    }
  }
  assert.deepEqual(app.publisher.messages, []);
});

Deno.test("A deletion is repaired as a post is, with warnings", async () => {
  for (const list of LISTS) {
    for (const character of ["x", "é", "😀", "/"]) {
      const text = character.repeat(1000);
      const app = new TestApp({ maxBodyBytes: 100_000 });
      await app.send(`POST /${list}`, {
        body: [{ name: "n", identifier: "i", source: text, service: text }],
      });
      const path = encodeURIComponent(text);
      const { warnings } = await (await app.send(`DELETE /${list}/${path}/${path}`)).json();
      assert.equal(warnings.length, character === "😀" ? 4 : 2);
      const [posted, deletion] = app.publisher.bodies as [
        Record<string, Record<string, string>[]>,
        Record<string, string>,
      ];
      const { source, service } = posted[list]![0]!;
      assert.deepEqual([deletion.source, deletion.service], [source, service]);
    }
  }
});
