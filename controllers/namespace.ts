/**
 * Keeps one good token Secret in the namespace of every Lagoon environment (contract §4). A Secret is repaired in
 * place and never deleted, since pods that mount it do not start without it.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Clock } from "../lib/clock.ts";
import type { KubeClient } from "../lib/kube/client.ts";
import type { Reconcile } from "../lib/kube/controller.ts";
import { isNamespaceTerminating, isNotFound } from "../lib/kube/errors.ts";
import type { EventRecorder } from "../lib/kube/events.ts";
import {
  formatKey,
  type ObjectKey,
  type PartialObject,
  RESOURCES,
  type Secret,
} from "../lib/kube/objects.ts";
import type { ReflectorHandler } from "../lib/kube/reflector.ts";
import type { WorkQueue } from "../lib/kube/work_queue.ts";
import { type Environment, LABELS, readEnvironment, TOKEN_SECRET } from "../lib/lagoon.ts";
import type { Logger } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import { createIssuer, createVerifier } from "../lib/tokens.ts";
import { TokenIndex } from "./token_index.ts";

/** What the operator can choose. */
export interface NamespaceOptions {
  /** Signs the tokens. */
  readonly secret: string;
  /** A namespace needs this label, too, with any value. */
  readonly targetLabel?: string | undefined;
}

/** What the controller works with. */
export interface NamespaceDependencies {
  /** The API server. */
  readonly kube: Pick<KubeClient, "get" | "getMetadata" | "create" | "apply">;
  /** Tells whether a token has expired. */
  readonly clock: Pick<Clock, "now">;
  /** Tells a site's developers what is wrong with a Secret. */
  readonly events: EventRecorder;
  /** Counts outcomes. */
  readonly metrics: Pick<Metrics, "countToken">;
  /** Where each outcome is told. */
  readonly log: Logger;
}

/**
 * Selects token Secrets, ours and others', by a field and not by our label: RBAC can then keep all other Secrets from
 * us, and it is seen when somebody else's goes away.
 */
export const TOKEN_SECRET_SELECTOR = `metadata.name=${TOKEN_SECRET.name}`;

const SECRET_LABELS = { [LABELS.insightsToken]: "true", [LABELS.dynamicSecret]: TOKEN_SECRET.name };

/** The label selector for namespaces that get a Secret. */
export function namespaceSelector(targetLabel?: string): string {
  const labels = [LABELS.environmentId, LABELS.project, LABELS.environment];
  return (targetLabel ? [...labels, targetLabel] : labels).join(",");
}

/** What the namespaces' watch and the Secrets' watch tell, and what they find out together. */
export interface TokenHandlers {
  /** For namespaces, metadata only. */
  readonly namespaces: ReflectorHandler;
  /** For token Secrets, whole. */
  readonly secrets: ReflectorHandler;
  /** How many Lagoon namespaces there are, and how many of them hold the token that they should. */
  counts(): { readonly namespaces: number; readonly good: number };
}

/** Puts Secrets in line that are missing or not as they should be; good ones cost no request. */
export function tokenHandlers(queue: WorkQueue, options: NamespaceOptions): TokenHandlers {
  const index = new TokenIndex({
    labels: SECRET_LABELS,
    expectedToken: createIssuer(options.secret),
    onDoubt: (namespace) => queue.add(secretKey(namespace)),
  });
  return {
    namespaces: {
      onObject: (object) => index.setNamespace(object.metadata.name, targetOf(object, options)),
      onGone: ({ name }) => index.removeNamespace(name),
      onListed: () => index.setListed("namespaces"),
    },
    secrets: {
      onObject: (object) => {
        const { metadata, data = {} } = object as Secret;
        index.setSecret(metadata.namespace, { labels: metadata.labels ?? {}, data });
      },
      onGone: ({ namespace }) => index.setSecret(namespace, undefined),
      onListed: () => index.setListed("secrets"),
    },
    counts: () => index.counts,
  };
}

/** The environment of a namespace that is to have a Secret. */
function targetOf({ metadata }: PartialObject, { targetLabel }: NamespaceOptions): Environment | undefined {
  const { name, labels = {}, deletionTimestamp } = metadata;
  if (deletionTimestamp || (targetLabel && !(targetLabel in labels))) return undefined;
  return readEnvironment(name, labels);
}

/** Makes the reconcile function; its keys name token Secrets, whether they are there or not. */
export function createNamespaceReconcile(
  { kube, clock, events, metrics, log }: NamespaceDependencies,
  options: NamespaceOptions,
): Reconcile {
  const issue = createIssuer(options.secret);
  const verify = createVerifier({ secrets: [options.secret], clock });
  /** Secrets of somebody else that we have said so about, by uid. */
  const reported = new Set<string>();

  return async function reconcileNamespace(key, { signal }) {
    try {
      const namespaceKey = { namespace: "", name: key.namespace };
      const namespace = await kube.getMetadata(RESOURCES.namespaces, namespaceKey, { signal });
      const environment = targetOf(namespace, options);
      if (!environment) return {};
      const secret = await readSecret(key, signal);
      if (!secret) {
        await create(key, environment, signal);
      } else if (secret.metadata.labels?.[LABELS.insightsToken] !== "true") {
        await reportForeign(secret, signal);
      } else if (!isGood(secret, environment, verify)) {
        await repair(secret, environment, signal);
      }
    } catch (error) {
      // The namespace went away, or is about to, while we worked: it needs no token any more.
      if (!isNotFound(error) && !isNamespaceTerminating(error)) throw error;
    }
    return {};
  };

  async function readSecret(key: ObjectKey, signal: AbortSignal): Promise<Secret | undefined> {
    try {
      return await kube.get(RESOURCES.secrets, key, { signal });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async function create(key: ObjectKey, environment: Environment, signal: AbortSignal): Promise<void> {
    const data = secretData(environment);
    const object = { type: "Opaque", metadata: { labels: SECRET_LABELS }, data };
    await kube.create(RESOURCES.secrets, key, object, { signal });
    metrics.countToken("created");
    log.info("Token Secret created", { object: formatKey(key) });
  }

  async function repair(
    { metadata }: PartialObject,
    environment: Environment,
    signal: AbortSignal,
  ): Promise<void> {
    const { uid, resourceVersion } = metadata;
    const fields = {
      metadata: { uid, resourceVersion, labels: SECRET_LABELS },
      data: secretData(environment),
    };
    const key = secretKey(environment.namespace);
    await kube.apply(RESOURCES.secrets, key, fields, { signal });
    metrics.countToken("repaired");
    log.warn("Token Secret repaired", { object: formatKey(key) });
  }

  async function reportForeign(secret: Secret, signal: AbortSignal): Promise<void> {
    if (reported.has(secret.metadata.uid)) return;
    reported.add(secret.metadata.uid);
    metrics.countToken("foreign");
    const note =
      `Secret ${TOKEN_SECRET.name} has no label ${LABELS.insightsToken}=true, so it is left as it is and ` +
      "this environment gets no token for posting insights. Rename or delete it to get one.";
    await events.warn({ resource: RESOURCES.secrets, object: secret }, "InsightsTokenNotOurs", note, {
      signal,
    });
    log.warn("Secret of that name is somebody else's", {
      object: formatKey(secretKey(secret.metadata.namespace)),
    });
  }

  function secretData(environment: Environment): Record<string, string> {
    const token = issue(environment);
    return { [TOKEN_SECRET.key]: Buffer.from(token).toString("base64") };
  }
}

/** Whether the Secret's token is signed with the secret, and says what the namespace's labels say. */
function isGood(
  { metadata, data }: Secret,
  environment: Environment,
  verify: (token: string) => Environment,
): boolean {
  const labelled = Object.entries(SECRET_LABELS).every(([name, value]) => metadata.labels?.[name] === value);
  const token = Buffer.from(data?.[TOKEN_SECRET.key] ?? "", "base64").toString();
  if (!labelled || token === "") return false;
  try {
    const claims = verify(token);
    return claims.namespace === environment.namespace &&
      claims.environmentId === environment.environmentId &&
      claims.projectName === environment.projectName &&
      claims.environmentName === environment.environmentName;
  } catch {
    // Whatever is wrong with it, the remedy is a new one.
    return false;
  }
}

function secretKey(namespace: string): ObjectKey {
  return { namespace, name: TOKEN_SECRET.name };
}
