/**
 * Keeps one good token Secret in the namespace of every Lagoon environment (docs/protocol.md, "Tokens"). A Secret is
 * repaired in place and never deleted, because pods that mount it don't start without it.
 *
 * @module
 */
import { backoff } from "../lib/clock.ts";
import type { Result } from "../lib/kube/controller.ts";
import { isNamespaceTerminating, isNotFound, unlessNotFound } from "../lib/kube/errors.ts";
import {
  formatKey,
  type ObjectKey,
  type PartialObject,
  RESOURCES,
  type Secret,
} from "../lib/kube/objects.ts";
import { createReflector } from "../lib/kube/reflector.ts";
import { WorkQueue } from "../lib/kube/work_queue.ts";
import { environmentFromLabels, LABELS, TOKEN_SECRET } from "../lib/lagoon.ts";
import { issueToken } from "../lib/tokens.ts";
import type { Controller, Parts } from "./parts.ts";
import { isGood, TokenIndex, type TokenSecret } from "./token_index.ts";

/** The operator's choices. */
export interface TokenSecretOptions {
  /** Signs the tokens. */
  readonly secret: string;
  /** If set, a namespace needs this label too, with any value. */
  readonly targetLabel?: string | undefined;
}

/**
 * Selects token Secrets by name and not by our label: RBAC can then deny us all other Secrets, and we notice when a
 * foreign Secret of that name is deleted.
 */
export const TOKEN_SECRET_SELECTOR = `metadata.name=${TOKEN_SECRET.name}`;

/** Few enough to keep the API server calm; tokens are small and independent of each other. */
const WORKERS = 4;

/** Pause after a write; it doubles with each further one, because something keeps changing or deleting the Secret. */
const WRITE_PAUSE = { baseMs: 2_000, capMs: 300_000 };
/** A Secret that has needed no write for this long after its pause starts again with the first pause. */
const QUIET_MS = 600_000;

const SECRET_LABELS = { [LABELS.insightsToken]: "true", [LABELS.dynamicSecret]: TOKEN_SECRET.name };

/** Why a Secret stays as it is. */
type Unchangeable = typeof FOREIGN | typeof IMMUTABLE;

const FOREIGN = {
  outcome: "foreign",
  reason: "InsightsTokenNotOurs",
  note:
    `Secret ${TOKEN_SECRET.name} has no label ${LABELS.insightsToken}=true, so it is left unchanged and ` +
    "this environment gets no token for posting insights. Rename or delete it to get one.",
  line: "Secret with the token Secret's name is not ours",
} as const;

const IMMUTABLE = {
  outcome: "immutable",
  reason: "InsightsTokenImmutable",
  note:
    `Secret ${TOKEN_SECRET.name} is immutable, and its token is wrong, so this environment cannot post insights. ` +
    "Delete the Secret; a good one is then created.",
  line: "Token Secret is wrong and immutable. Delete it: a good one is then created",
} as const;

/** The label selector for namespaces that get a Secret. */
export function namespaceSelector(targetLabel?: string): string {
  const labels = [LABELS.environmentId, LABELS.project, LABELS.environment];
  return (targetLabel ? [...labels, targetLabel] : labels).join(",");
}

/** Makes the controller; it sends nothing before its reflectors and its reconcile function run. */
export function createTokenController(
  dependencies: Pick<Parts, "kube" | "clock" | "random" | "events" | "metrics" | "log">,
  { secret: signingSecret, targetLabel }: TokenSecretOptions,
): Controller {
  const { kube, clock, random, events, metrics, log } = dependencies;
  const queue = new WorkQueue(dependencies);
  const index = new TokenIndex((namespace) => queue.add({ namespace, name: TOKEN_SECRET.name }));
  /** By namespace, also a deleted one: the number of writes in a row, and the earliest time of the next one. Oldest first. */
  const writes = new Map<string, { readonly count: number; readonly nextAt: number }>();
  /** By namespace, the uid of the Secret that was reported because we can't change it, and the reason. */
  const reported = new Map<string, string>();

  /** What a namespace's Secret should hold; `undefined` if it should have none. */
  function expectedSecret({ metadata }: PartialObject): TokenSecret | undefined {
    const { name, labels = {}, deletionTimestamp } = metadata;
    const environment = environmentFromLabels(name, labels);
    if (!environment || deletionTimestamp || (targetLabel && !(targetLabel in labels))) return undefined;
    // Tokens are ASCII.
    return {
      labels: SECRET_LABELS,
      data: { [TOKEN_SECRET.key]: btoa(issueToken(signingSecret, environment)) },
    };
  }

  async function reconcile(key: ObjectKey, { signal }: { signal: AbortSignal }): Promise<Result> {
    const pauseMs = pauseLeft(key.namespace);
    if (pauseMs > 0) return { requeueAfterMs: pauseMs };
    try {
      const namespaceKey = { namespace: "", name: key.namespace };
      const expected = expectedSecret(await kube.getMetadata(RESOURCES.namespaces, namespaceKey, { signal }));
      if (!expected) return {};
      const found = await unlessNotFound(kube.get(RESOURCES.secrets, key, { signal }));
      if (!found) {
        await create(key, expected, signal);
      } else if (found.metadata.labels?.[LABELS.insightsToken] !== "true") {
        await report(key, found, FOREIGN, signal);
      } else if (found.immutable && found.data?.[TOKEN_SECRET.key] !== expected.data[TOKEN_SECRET.key]) {
        // Trying again can't help; the watch reports when someone deletes it.
        await report(key, found, IMMUTABLE, signal);
      } else if (!isGood(contentOf(found), expected)) {
        await repair(key, found, expected, signal);
      }
    } catch (error) {
      // The namespace is being deleted and no longer needs a token.
      if (!isNotFound(error) && !isNamespaceTerminating(error)) throw error;
    }
    return {};
  }

  async function create(key: ObjectKey, { labels, data }: TokenSecret, signal: AbortSignal): Promise<void> {
    await kube.create(RESOURCES.secrets, key, { type: "Opaque", metadata: { labels }, data }, { signal });
    paceNext(key.namespace, 0);
    metrics.countToken("created");
    log.info("Token Secret created", { object: formatKey(key) });
  }

  async function repair(
    key: ObjectKey,
    found: Secret,
    { labels, data }: TokenSecret,
    signal: AbortSignal,
  ): Promise<void> {
    const { uid, resourceVersion } = found.metadata;
    const fields = { metadata: { uid, resourceVersion, labels }, data };
    await kube.apply(RESOURCES.secrets, key, fields, { signal });
    paceNext(key.namespace, 1);
    metrics.countToken("repaired");
    log.warn("Token Secret repaired", { object: formatKey(key) });
  }

  function pauseLeft(namespace: string): number {
    const now = clock.monotonic();
    for (const [quiet, { nextAt }] of writes) {
      if (now - nextAt < QUIET_MS) break;
      writes.delete(quiet);
    }
    return (writes.get(namespace)?.nextAt ?? now) - now;
  }

  /** @param first Whether the first write in a row has a pause after it (1), or only the second (0). */
  function paceNext(namespace: string, first: 0 | 1): void {
    const now = clock.monotonic();
    const last = writes.get(namespace);
    const count = last && now - last.nextAt < QUIET_MS ? last.count + 1 : first;
    const pauseMs = count === 0 ? 0 : backoff(count - 1, { ...WRITE_PAUSE, random });
    writes.delete(namespace);
    writes.set(namespace, { count, nextAt: now + pauseMs });
  }

  /** Tells once for each Secret. */
  async function report(
    key: ObjectKey,
    found: Secret,
    problem: Unchangeable,
    signal: AbortSignal,
  ): Promise<void> {
    const { reason, note, line, outcome } = problem;
    const id = `${found.metadata.uid} ${reason}`;
    if (reported.get(key.namespace) === id) return;
    reported.set(key.namespace, id);
    metrics.countToken(outcome);
    await events.warn({ resource: RESOURCES.secrets, object: found }, reason, note, { signal });
    log.warn(line, { object: formatKey(key) });
  }

  metrics.registerGauge("token_secrets", () => index.counts);
  const common = { ...dependencies, client: kube };
  return {
    name: "namespace",
    queue,
    reflectors: {
      "namespaces-watch": createReflector({
        ...common,
        resource: RESOURCES.namespaces,
        labelSelector: namespaceSelector(targetLabel),
        handler: {
          onObject: (namespace) => index.setNamespace(namespace.metadata.name, expectedSecret(namespace)),
          onGone: ({ name }) => index.setNamespace(name, undefined),
          onListed: () => index.setListed("namespaces"),
        },
      }),
      // Whole objects, which are small: good ones then need no other request.
      "secrets-watch": createReflector({
        ...common,
        resource: RESOURCES.secrets,
        fieldSelector: TOKEN_SECRET_SELECTOR,
        whole: true,
        handler: {
          onObject: (object) => {
            const secret = object as Secret;
            index.setSecret(secret.metadata.namespace, contentOf(secret));
          },
          onGone: ({ namespace }) => {
            index.setSecret(namespace, undefined);
            reported.delete(namespace);
          },
          onListed: () => index.setListed("secrets"),
        },
      }),
    },
    reconcile,
    concurrency: WORKERS,
  };
}

function contentOf({ metadata, data }: Secret): TokenSecret {
  return { labels: metadata.labels ?? {}, data: data ?? {} };
}
