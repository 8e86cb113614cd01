/**
 * Attacks with objects in the cluster: too large, too many, or written too often.
 *
 * @module
 */
import assert from "node:assert/strict";
import { inParallel } from "../fixtures/in_parallel.ts";
import { sbomConfigMap } from "../fixtures/objects.ts";
import type { TenantScene } from "../fixtures/tenants.ts";
import type { TenantAttack } from "./tenant_attacks.ts";

/** JSON writes each of them as six characters. */
const ESCAPED = "<";
/** Nearly as large as etcd allows. */
const LARGEST_NAME = ESCAPED.repeat(1_400_000);
/** Annotations may have 256 KiB in all. */
const LARGEST_ANNOTATION = ESCAPED.repeat(262_000);
const TOKEN_LABELS = { "lagoon.sh/insights-token": "true", "lagoon.sh/dynamic-secret": "insights-token" };

const owners = (name: string) => [{ apiVersion: "v1", kind: "ConfigMap", name, uid: "of-nobody" }];

/** An insights ConfigMap of several megabytes, even without its data. */
const ownedConfigMap = (name: string) => withOwners(sbomConfigMap({ name }));

function withOwners(object: ReturnType<typeof sbomConfigMap>) {
  return { ...object, metadata: { ...object.metadata, ownerReferences: owners(LARGEST_NAME) } };
}

function annotatedConfigMap(name: string) {
  return sbomConfigMap({ name, annotations: { large: LARGEST_ANNOTATION } });
}

/** Creates an environment that nobody else has. */
function attackerIn(scene: TenantScene) {
  return scene.createTenant(`attacker-${crypto.randomUUID()}`);
}

/** Makes an environment's token Secret as large as can be, and wrong. */
async function growToken({ cluster }: TenantScene, namespace: string): Promise<void> {
  await cluster.until("secrets", namespace, "insights-token", (secret) => secret !== undefined);
  const metadata = { name: "insights-token", labels: TOKEN_LABELS, ownerReferences: owners(LARGEST_NAME) };
  await cluster.replace("secrets", namespace, { metadata, data: { INSIGHTS_TOKEN: btoa("wrong") } });
}

/** Six large ConfigMaps with owners, and 35 with annotations: a page of them has 100 MB. */
async function fillWithLargeConfigMaps({ cluster }: TenantScene, namespace: string): Promise<void> {
  const names = (count: number, name: string) =>
    Array.from({ length: count }, (_, index) => `${name}-${index}`);
  const objects = [
    ...names(6, "owned").map(ownedConfigMap),
    ...names(35, "annotated").map(annotatedConfigMap),
  ];
  for (const object of objects) await cluster.create("configmaps", namespace, object);
}

export const clusterAttacks: readonly TenantAttack[] = [
  {
    name: "the watch of ConfigMaps goes on after one with an owner's name of 1.4 million escaped characters",
    async run(scene) {
      const { namespace } = await attackerIn(scene);
      await scene.cluster.create("configmaps", namespace, ownedConfigMap("large"));
    },
  },
  {
    name:
      "the watch of token Secrets goes on after one with an owner's name of 1.4 million escaped characters",
    async run(scene) {
      const { namespace } = await attackerIn(scene);
      await growToken(scene, namespace);
    },
  },
  {
    name: "large objects that wait at a start end neither the program nor its work",
    async run(scene) {
      const { namespace } = await attackerIn(scene);
      await fillWithLargeConfigMaps(scene, namespace);
      for (let count = 0; count < 6; count++) await growToken(scene, (await attackerIn(scene)).namespace);
      await scene.restart();
      await removeAll(scene, namespace);
    },
  },
  {
    name: "a thousand ConfigMaps of one tenant delay no other tenant's",
    async run(scene) {
      const { namespace } = await attackerIn(scene);
      const { cluster } = scene;
      await inParallel(
        1000,
        async (index) =>
          void await cluster.create("configmaps", namespace, sbomConfigMap({ name: `many-${index}` })),
      );
      await removeAll(scene, namespace);
    },
  },
  {
    name: "a ConfigMap that is replaced without a pause delays no other tenant's",
    async run(scene) {
      const { namespace } = await attackerIn(scene);
      const { cluster } = scene;
      await cluster.create("configmaps", namespace, sbomConfigMap());
      await repeat(async () => await cluster.replace("configmaps", namespace, sbomConfigMap()));
    },
  },
  {
    name: "refused ConfigMaps of one tenant use up its own Events only",
    async run(scene) {
      const { namespace } = await attackerIn(scene);
      for (let index = 0; index < 60; index++) {
        await scene.cluster.create(
          "configmaps",
          namespace,
          sbomConfigMap({ name: `bad-${index}`, binaryData: {} }),
        );
      }
    },
  },
  {
    name: "a quota without Events in one namespace leaves the Events of others",
    async run(scene) {
      const { namespace } = await attackerIn(scene);
      const spec = { hard: { "count/events": "0" } };
      await scene.cluster.create("resourcequotas", namespace, { metadata: { name: "none" }, spec });
      await scene.cluster.create("configmaps", namespace, sbomConfigMap({ name: "bad", binaryData: {} }));
    },
  },
  {
    name:
      "a token Secret that is changed and deleted without a pause is written a few times, and others in time",
    async run(scene) {
      const { cluster } = scene;
      const { namespace } = await attackerIn(scene);
      const isThere = async () => await cluster.get("secrets", namespace, "insights-token") !== undefined;
      const written = () => scene.program.log().split(`"${namespace}/insights-token"`).length - 1;
      await repeat(async () => {
        if (!await isThere()) return;
        await cluster.mark("secrets", namespace, "insights-token", {
          labels: { "lagoon.sh/dynamic-secret": "x" },
        });
        await cluster.send("DELETE", `/api/v1/namespaces/${namespace}/secrets/insights-token`, {
          allow: [404],
        });
      });
      assert.ok(written() <= 6, `${written()} writes`);
    },
  },
];

/** Does something for five seconds without a pause. */
async function repeat(step: () => Promise<void>): Promise<void> {
  const end = performance.now() + 5_000;
  while (performance.now() < end) await step();
}

/** Leaves room for the next round. */
async function removeAll({ cluster }: TenantScene, namespace: string): Promise<void> {
  await cluster.send("DELETE", `/api/v1/namespaces/${namespace}/configmaps`);
}
