/**
 * Token Secrets, on any API server.
 *
 * @module
 */
import assert from "node:assert/strict";
import { systemClock } from "../../lib/clock.ts";
import { createVerifier, issueToken } from "../../lib/tokens.ts";
import { ManualClock } from "../fixtures/clock.ts";
import type { TestCluster, TestObject } from "../fixtures/cluster.ts";
import { LAGOON_NAMESPACE_LABELS } from "../fixtures/objects.ts";
import { until } from "../fixtures/until.ts";
import { type ClusterFactory, describeSuite, type Program, SECRET } from "./harness.ts";

const NAME = "insights-token";
const OUR_LABELS = { "lagoon.sh/insights-token": "true", "lagoon.sh/dynamic-secret": "insights-token" };

function isThere(object: TestObject | undefined): boolean {
  return object !== undefined;
}

function tokenIn(secret: TestObject | undefined): string {
  return atob(secret?.data?.["INSIGHTS_TOKEN"] ?? "");
}

function tokenData(token: string): Record<string, string> {
  return { INSIGHTS_TOKEN: btoa(token) };
}

function environment(namespace: string, environmentId = "3") {
  return { namespace, environmentId, projectName: "proj", environmentName: "main" };
}

/** Waits until the controller has handled a namespace that is created now, and so has seen everything before it. */
async function untilCaughtUp(cluster: TestCluster, namespace: string): Promise<void> {
  await cluster.createNamespace(namespace, LAGOON_NAMESPACE_LABELS);
  await cluster.until("secrets", namespace, NAME, isThere);
}

/** Options with which a program handles the given namespace alone, and others that get its name as a label. */
async function onlyIn(cluster: TestCluster, namespace: string) {
  await cluster.mark("namespaces", "", namespace, { labels: { [namespace]: "" } });
  return { tokens: { targetLabel: namespace } };
}

async function metric({ metrics }: Program, sample: string): Promise<number> {
  const { text } = await metrics.render();
  return Number(text.split("\n").find((line) => line.startsWith(`${sample} `))?.slice(sample.length) ?? 0);
}

/** Waits until the metrics count these token Secrets. */
async function untilTokens(program: Program, expected: Record<"current" | "outstanding", number>) {
  await until(`token Secrets are ${JSON.stringify(expected)}`, async () => {
    const states = Object.entries(expected);
    const counted = await Promise.all(
      states.map(([state]) => metric(program, `insights_remote_token_secrets{state="${state}"}`)),
    );
    return states.every(([, count], index) => counted[index] === count);
  });
}

/** Registers the suite. */
export function tokenSuite(factory: ClusterFactory): void {
  describeSuite(factory, (test) => {
    test("a Lagoon namespace gets a Secret with its token", async ({ cluster, namespace, run }) => {
      await using _program = run();
      const secret = await cluster.until("secrets", namespace, NAME, isThere);
      assert.equal(secret?.type, "Opaque");
      assert.deepEqual(secret?.metadata.labels, OUR_LABELS);
      assert.deepEqual(Object.keys(secret?.data ?? {}), ["INSIGHTS_TOKEN"]);
      const verify = createVerifier({ secrets: [SECRET], clock: systemClock });
      assert.deepEqual(await verify(tokenIn(secret)), environment(namespace));
    });

    test("a namespace that gets Lagoon's labels later gets its Secret then", async ({ cluster, bareNamespace, run }) => {
      const namespace = await bareNamespace();
      await using _program = run();
      await untilCaughtUp(cluster, `${namespace}-later`);
      assert.equal(await cluster.get("secrets", namespace, NAME), undefined);
      await cluster.mark("namespaces", "", namespace, { labels: LAGOON_NAMESPACE_LABELS });
      await cluster.until("secrets", namespace, NAME, isThere);
    });

    test("with a target label, only namespaces with it get a Secret", async ({ cluster, namespace, run }) => {
      await using _program = run({ tokens: { targetLabel: "insights.example/target" } });
      const labels = { ...LAGOON_NAMESPACE_LABELS, "insights.example/target": "" };
      await cluster.createNamespace(`${namespace}-target`, labels);
      await cluster.until("secrets", `${namespace}-target`, NAME, isThere);
      assert.equal(await cluster.get("secrets", namespace, NAME), undefined);
    });

    const BROKEN: Readonly<Record<string, (namespace: string) => Record<string, string>>> = {
      "whose token does not verify": (namespace) =>
        tokenData(issueToken("another-secret-altogether", environment(namespace))),
      "whose token names another namespace": () =>
        tokenData(issueToken(SECRET, environment("somewhere-else"))),
      "whose token names another environment": (namespace) =>
        tokenData(issueToken(SECRET, environment(namespace, "4"))),
      "whose token names another project": (namespace) =>
        tokenData(issueToken(SECRET, { ...environment(namespace), projectName: "other" })),
      "whose token names an environment of another name": (namespace) =>
        tokenData(issueToken(SECRET, { ...environment(namespace), environmentName: "other" })),
      "without a token": () => ({ other: btoa("kept") }),
      "whose token ends with a newline": (namespace) =>
        tokenData(`${issueToken(SECRET, environment(namespace))}\n`),
    };
    for (const [what, makeData] of Object.entries(BROKEN)) {
      test(`a Secret ${what} is repaired in place`, async ({ cluster, namespace, run }) => {
        const data = makeData(namespace);
        const before = await cluster.create("secrets", namespace, {
          metadata: { name: NAME, labels: OUR_LABELS },
          type: "Opaque",
          data,
        });
        await using _program = run();
        const good = issueToken(SECRET, environment(namespace));
        const after = await cluster.until("secrets", namespace, NAME, (secret) => tokenIn(secret) === good);
        assert.equal(after?.metadata.uid, before.metadata.uid);
        assert.equal(after?.data?.["other"], data["other"]);
      });
    }

    test("a Secret is repaired while the program runs, and follows the environment's id", async ({ cluster, namespace, run }) => {
      await using _program = run();
      const first = await cluster.until("secrets", namespace, NAME, isThere);
      await cluster.mark("namespaces", "", namespace, { labels: { "lagoon.sh/environmentId": "5" } });
      const good = issueToken(SECRET, environment(namespace, "5"));
      const second = await cluster.until("secrets", namespace, NAME, (secret) => tokenIn(secret) === good);
      assert.equal(second?.metadata.uid, first?.metadata.uid);
      await cluster.send("PATCH", `/api/v1/namespaces/${namespace}/secrets/${NAME}`, {
        body: { data: tokenData("rubbish") },
        type: "application/merge-patch+json",
      });
      await cluster.until("secrets", namespace, NAME, (secret) => tokenIn(secret) === good);
    });

    test("a change of the environment's name alone updates the token", async ({ cluster, namespace, run }) => {
      await using _program = run();
      const first = await cluster.until("secrets", namespace, NAME, isThere);
      await cluster.mark("namespaces", "", namespace, { labels: { "lagoon.sh/environment": "renamed" } });
      const good = issueToken(SECRET, { ...environment(namespace), environmentName: "renamed" });
      const second = await cluster.until("secrets", namespace, NAME, (secret) => tokenIn(secret) === good);
      assert.equal(second?.metadata.uid, first?.metadata.uid);
    });

    test("after a change of the secret, tokens are replaced in place, and metrics count them", async ({ cluster, namespace, run }) => {
      const before = await cluster.create("secrets", namespace, {
        metadata: { name: NAME, labels: OUR_LABELS },
        type: "Opaque",
        data: tokenData(issueToken("the-previous-secret", environment(namespace))),
      });
      await using program = run(await onlyIn(cluster, namespace));
      const good = issueToken(SECRET, environment(namespace));
      const after = await cluster.until("secrets", namespace, NAME, (secret) => tokenIn(secret) === good);
      assert.equal(after?.metadata.uid, before.metadata.uid);
      await untilTokens(program, { current: 1, outstanding: 0 });
      const repaired = () => metric(program, 'insights_remote_token_secrets_total{outcome="repaired"}');
      // The count follows the Secret, which the test may see first.
      await until("the repair is counted", async () => await repaired() > 0);
      assert.equal(await repaired(), 1);
    });

    test("a foreign Secret counts as outstanding", async ({ cluster, namespace, run }) => {
      await cluster.create("secrets", namespace, { metadata: { name: NAME }, type: "Opaque" });
      await using program = run(await onlyIn(cluster, namespace));
      await untilTokens(program, { current: 0, outstanding: 1 });
    });

    test("Lagoon's labels that are removed and restored leave no Secret outstanding", async ({ cluster, namespace, run }) => {
      await using program = run(await onlyIn(cluster, namespace));
      await untilTokens(program, { current: 1, outstanding: 0 });
      await cluster.mark("namespaces", "", namespace, { labels: { "lagoon.sh/environmentId": null } });
      await untilTokens(program, { current: 0, outstanding: 0 });
      await cluster.mark("namespaces", "", namespace, { labels: LAGOON_NAMESPACE_LABELS });
      await untilTokens(program, { current: 1, outstanding: 0 });
    });

    test("replicas with different secrets don't rewrite each other's tokens without pause", async ({ cluster, namespace, run }) => {
      // Time stands still, so a repair that has to wait never comes.
      const clock = new ManualClock();
      const only = await onlyIn(cluster, namespace);
      await using one = run({ ...only, clock });
      await using other = run({ tokens: { ...only.tokens, secret: "the-secret-of-another-replica" }, clock });
      const repairs = (of: string) =>
        [...one.log.lines, ...other.log.lines].filter(({ message, fields }) =>
          message === "Token Secret repaired" && fields.object === `${of}/${NAME}`
        ).length;
      await until("each replica has repaired the Secret once", () => repairs(namespace) >= 2);
      for (let count = 1; count <= 10; count++) {
        const later = `${namespace}-${count}`;
        await cluster.createNamespace(later, { ...LAGOON_NAMESPACE_LABELS, [namespace]: "" });
        await until("each replica has repaired the later Secret once", () => repairs(later) >= 2);
      }
      assert.equal(repairs(namespace), 2);

      await clock.advance(10_000);
      await until("repairs go on", () => repairs(namespace) >= 4);
    });

    test("a Secret that is deleted again and again is not created without pause", async ({ cluster, namespace, run }) => {
      // Time stands still, so a write that has to wait never comes.
      const clock = new ManualClock();
      const only = await onlyIn(cluster, namespace);
      await using program = run({ ...only, clock });
      const created = (of: string) =>
        program.log.with("Token Secret created").filter(({ fields }) => fields.object === `${of}/${NAME}`)
          .length;
      for (let count = 1; count <= 2; count++) {
        await until("there is a Secret", () => created(namespace) >= count);
        await cluster.delete("secrets", namespace, NAME);
      }
      await cluster.createNamespace(`${namespace}-other`, { ...LAGOON_NAMESPACE_LABELS, [namespace]: "" });
      await until("another one is created", () => created(`${namespace}-other`) === 1);
      assert.equal(created(namespace), 2);
      await clock.advance(2_000);
      await until("it is created after a pause", () => created(namespace) === 3);
    });

    test("a Secret that lost its second label gets it back", async ({ cluster, namespace, run }) => {
      await cluster.create("secrets", namespace, {
        metadata: { name: NAME, labels: { "lagoon.sh/insights-token": "true" } },
        type: "Opaque",
        data: tokenData(issueToken(SECRET, environment(namespace))),
      });
      await using _program = run();
      await cluster.until(
        "secrets",
        namespace,
        NAME,
        (secret) => secret?.metadata.labels?.["lagoon.sh/dynamic-secret"] === "insights-token",
      );
    });

    test("a namespace that loses Lagoon's labels keeps its Secret unchanged, and gets no other", async ({ cluster, namespace, run }) => {
      await using _program = run();
      const before = await cluster.until("secrets", namespace, NAME, isThere);
      await cluster.mark("namespaces", "", namespace, { labels: { "lagoon.sh/environmentId": null } });
      await untilCaughtUp(cluster, `${namespace}-later`);
      const after = await cluster.get("secrets", namespace, NAME);
      assert.equal(after?.metadata.resourceVersion, before?.metadata.resourceVersion);
      await cluster.delete("secrets", namespace, NAME);
      await untilCaughtUp(cluster, `${namespace}-latest`);
      assert.equal(await cluster.get("secrets", namespace, NAME), undefined);
    });

    test("a Secret that someone deletes is created again", async ({ cluster, namespace, run }) => {
      await using _program = run();
      const first = await cluster.until("secrets", namespace, NAME, isThere);
      await cluster.delete("secrets", namespace, NAME);
      const again = (secret?: TestObject) =>
        secret !== undefined && secret.metadata.uid !== first?.metadata.uid;
      const second = await cluster.until("secrets", namespace, NAME, again);
      assert.equal(tokenIn(second), tokenIn(first));
    });

    test("a good Secret of the Go remote is not written again", async ({ cluster, namespace, run }) => {
      const before = await cluster.create("secrets", namespace, {
        metadata: { name: NAME, labels: OUR_LABELS },
        type: "Opaque",
        data: tokenData(issueToken(SECRET, environment(namespace))),
      });
      await using _program = run();
      await untilCaughtUp(cluster, `${namespace}-later`);
      const after = await cluster.get("secrets", namespace, NAME);
      assert.equal(after?.metadata.resourceVersion, before.metadata.resourceVersion);
    });

    test("a foreign Secret of that name is left unchanged, and an Event reports it", async ({ cluster, namespace, run }) => {
      const before = await cluster.create("secrets", namespace, {
        metadata: { name: NAME },
        type: "Opaque",
        data: tokenData("theirs"),
      });
      await using _program = run();
      await untilCaughtUp(cluster, `${namespace}-later`);
      await cluster.mark("namespaces", "", namespace, { annotations: { note: "seen again" } });
      await untilCaughtUp(cluster, `${namespace}-latest`);
      // Several workers run at a time: the Event may come after the other namespace's Secret.
      await until("there is an Event", async () => (await cluster.list("events", namespace)).length > 0);
      const events = await cluster.list("events", namespace);
      assert.deepEqual(
        events.map(({ type, reason, involvedObject }) => [type, reason, involvedObject?.kind]),
        [
          ["Warning", "InsightsTokenNotOurs", "Secret"],
        ],
      );
      const after = await cluster.get("secrets", namespace, NAME);
      assert.equal(after?.metadata.resourceVersion, before.metadata.resourceVersion);
      await cluster.delete("secrets", namespace, NAME);
      const ours = await cluster.until("secrets", namespace, NAME, isThere);
      assert.deepEqual(ours?.metadata.labels, OUR_LABELS);
    });

    test("of a wrong Secret that is immutable, one Event and one line say to delete it", async ({ cluster, namespace, run }) => {
      const before = await cluster.create("secrets", namespace, {
        metadata: { name: NAME, labels: OUR_LABELS },
        type: "Opaque",
        immutable: true,
        data: tokenData("rubbish"),
      });
      await using program = run();
      await until("there is an Event", async () => (await cluster.list("events", namespace)).length > 0);
      // Reconciles it again.
      await cluster.mark("secrets", namespace, NAME, { annotations: { note: "seen again" } });
      await untilCaughtUp(cluster, `${namespace}-later`);
      const events = await cluster.list("events", namespace);
      assert.deepEqual(events.map(({ type, reason }) => [type, reason]), [[
        "Warning",
        "InsightsTokenImmutable",
      ]]);
      const about = program.log.lines.filter(({ fields }) => fields.object === `${namespace}/${NAME}`);
      assert.deepEqual(about.map(({ level }) => level), ["warn"]);
      assert.match(about[0]!.message, /Delete it/);
      const after = await cluster.get("secrets", namespace, NAME);
      assert.deepEqual([after?.metadata.uid, tokenIn(after)], [before.metadata.uid, "rubbish"]);
      await cluster.delete("secrets", namespace, NAME);
      const good = issueToken(SECRET, environment(namespace));
      await cluster.until("secrets", namespace, NAME, (secret) => tokenIn(secret) === good);
    });

    test("a namespace that is being deleted gets no Secret and no repair", async ({ cluster, namespace, bareNamespace, run }) => {
      const other = await bareNamespace();
      await cluster.mark("namespaces", "", other, { labels: LAGOON_NAMESPACE_LABELS });
      const before = await cluster.create("secrets", other, {
        metadata: { name: NAME, labels: OUR_LABELS },
        type: "Opaque",
        data: tokenData("rubbish"),
      });
      await cluster.delete("namespaces", "", other);
      await cluster.delete("namespaces", "", namespace);
      await using program = run();
      await untilCaughtUp(cluster, `${namespace}-later`);
      assert.equal(await cluster.get("secrets", namespace, NAME), undefined);
      const after = await cluster.get("secrets", other, NAME);
      assert.equal(after?.metadata.resourceVersion, before.metadata.resourceVersion);
      assert.deepEqual(program.log.lines.filter(({ level }) => level === "error"), []);
    });
  });
}
