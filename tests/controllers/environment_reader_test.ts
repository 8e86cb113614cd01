import assert from "node:assert/strict";
import { createEnvironmentReader } from "../../controllers/environment_reader.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { ManualClock } from "../fixtures/clock.ts";

const { signal } = new AbortController();

/** A reader of namespaces with these labels, and the number of requests for each. */
function setUp(labelsOf: (namespace: string) => Record<string, string>) {
  const clock = new ManualClock();
  const asked: string[] = [];
  const kube: Partial<KubeClient> = {
    getMetadata: (_resource, { name }) => {
      asked.push(name);
      return Promise.resolve({
        metadata: { name, namespace: "", uid: name, resourceVersion: "1", labels: labelsOf(name) },
      });
    },
  };
  const read = createEnvironmentReader({ kube: kube as KubeClient, clock });
  return { clock, asked, read: (namespace: string) => read(namespace, signal) };
}

const labels = (environment: string) => ({
  "lagoon.sh/project": "proj",
  "lagoon.sh/environment": environment,
});

Deno.test("a namespace is read at most once in ten seconds, and a later read sees new labels", async () => {
  let environment = "main";
  const { clock, asked, read } = setUp(() => labels(environment));
  const main = { projectName: "proj", environmentName: "main" };
  assert.deepEqual(await read("a"), main);
  environment = "other";
  await clock.advance(9_999);
  assert.deepEqual(await read("a"), main);
  assert.deepEqual(asked, ["a"]);
  await clock.advance(1);
  assert.deepEqual(await read("a"), { ...main, environmentName: "other" });
  assert.deepEqual(asked, ["a", "a"]);
});

Deno.test("concurrent reads share one request, and a failure is not cached", async () => {
  let fails = true;
  const { asked, read } = setUp((namespace) => {
    if (fails) throw new Error("away");
    return labels(namespace);
  });
  const failures = await Promise.allSettled([read("a"), read("a")]);
  assert.deepEqual(failures.map(({ status }) => status), ["rejected", "rejected"]);
  fails = false;
  const found = await Promise.all([read("a"), read("a")]);
  assert.deepEqual(found.map((names) => names?.environmentName), ["a", "a"]);
  assert.deepEqual(asked, ["a", "a"]);
});

Deno.test("a namespace without labels is read every time", async () => {
  let found: Record<string, string> = { "lagoon.sh/project": "proj" };
  const { read } = setUp(() => found);
  assert.equal(await read("a"), undefined);
  found = labels("main");
  assert.equal((await read("a"))?.environmentName, "main");
});

Deno.test("a namespace that was read again is kept for its own ten seconds", async () => {
  const { clock, asked, read } = setUp(labels);
  await read("a");
  await clock.advance(5_000);
  await read("b");
  await clock.advance(5_000);
  await read("a");
  await clock.advance(4_999);
  await read("b");
  await clock.advance(1);
  await read("b");
  await read("a");
  assert.deepEqual(asked, ["a", "b", "a", "b"]);
});
