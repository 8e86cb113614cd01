/** The examples of docs/posting.md on failures: they honour Retry-After, and give up on permanent errors. */
import assert from "node:assert/strict";
import { systemClock } from "../../lib/clock.ts";
import type { HttpApp } from "../../lib/http/server.ts";
import {
  type Example,
  expectedMessages,
  needsRunner,
  readExamples,
  runExample,
} from "../fixtures/posting_examples.ts";
import { startTcpProxy } from "../fixtures/tcp_proxy.ts";
import { startServerWith } from "../lib/http/fixture.ts";
import { TestApp, TOKEN, tokenOf } from "../routes/fixture.ts";

const expected = expectedMessages(Deno.build.os === "linux" ? "Linux" : "Darwin");
/** The examples with retries. "The smallest requests" has none. */
const examples = (await readExamples()).filter((example) =>
  example.heading !== "The smallest requests" && !needsRunner(example).ignore
);

/** How long an example waits without a Retry-After header, in seconds. */
const DEFAULT_WAIT = 10;

/** An app whose only slot is taken by another environment. */
async function busyApp(): Promise<TestApp> {
  const app = new TestApp({ maxInFlight: 1 });
  app.publisher.beforeConfirm = () => new Promise(() => {});
  app.send("DELETE /facts/drush", { authorization: tokenOf("other") });
  await app.untilWaiting(1);
  return app;
}

function unavailableApp(): TestApp {
  const app = new TestApp();
  app.publisher.ready = false;
  return app;
}

/** Shortens Retry-After: the real ten seconds are long for a test. */
async function withRetryAfter(answer: Response | Promise<Response>, seconds: number): Promise<Response> {
  const { status, headers, body } = await answer;
  const shorter = new Headers(headers);
  shorter.set("Retry-After", String(seconds));
  return new Response(body, { status, headers: shorter });
}

Deno.test("The examples wait and retry after 503, 429 and a lost connection, and finally deliver", async () => {
  assert.ok(examples.length >= 2);
  await Promise.all(examples.map(assertRetries));
});

async function assertRetries(example: Example): Promise<void> {
  const app = new TestApp();
  const [busy, unavailable] = [await busyApp(), unavailableApp()];
  const arrivals: number[] = [];
  const cut: HttpApp["fetch"] = () => {
    proxy.cut();
    return new Response();
  };
  // curl gives up when the connection is lost: the next run of the cron job retries.
  const first: [HttpApp["fetch"], number][] = example.language === "sh" ? [] : [[cut, DEFAULT_WAIT]];
  const failures: [HttpApp["fetch"], number][] = [
    ...first,
    [(request, bindings) => withRetryAfter(unavailable.fetch(request, bindings), 2), 2],
    [busy.fetch, 1],
  ];
  const server = await startServerWith(systemClock, (request, bindings) => {
    const [fail] = failures[arrivals.length] ?? [];
    arrivals.push(Date.now());
    return (fail ?? app.fetch)(request, bindings);
  });
  await using _ = server;
  await using proxy = startTcpProxy(server);
  const url = `http://127.0.0.1:${proxy.port}`;
  const { code, stderr } = await runExample(example, { url, token: TOKEN });
  assert.equal(code, 0, `${example.heading}: ${stderr}`);
  assert.deepEqual(app.publisher.bodies, expected[example.heading]);
  assert.equal(arrivals.length, failures.length + expected[example.heading]!.length);
  for (const [index, [, seconds]] of failures.entries()) {
    const waited = arrivals[index + 1]! - arrivals[index]!;
    // The languages' timers are not exact.
    assert.ok(
      waited > seconds * 1000 - 100,
      `${example.heading} waited ${waited} ms instead of ${seconds} s`,
    );
    assert.ok(
      waited < seconds * 1000 + 5000,
      `${example.heading} waited ${waited} ms instead of ${seconds} s`,
    );
  }
}

Deno.test("The examples don't retry permanent errors, and print the reason", async () => {
  assert.ok(examples.length >= 2);
  for (const example of examples) {
    let arrivals = 0;
    const app = new TestApp();
    await using server = await startServerWith(systemClock, (request, bindings) => {
      arrivals++;
      return app.fetch(request, bindings);
    });
    const url = `http://127.0.0.1:${server.port}`;
    const { code, stdout, stderr } = await runExample(example, { url, token: "no token" });
    assert.notEqual(code, 0, example.heading);
    assert.match(stdout + stderr, /The Authorization header must hold a JSON Web Token/, example.heading);
    assert.equal(arrivals, 1, example.heading);
  }
});
