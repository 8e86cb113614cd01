/**
 * Keeps one good token Secret in the namespace of every Lagoon environment (contract §4). A Secret is repaired in
 * place and never deleted, since pods that mount it do not start without it.
 *
 * @module
 */
import { Buffer } from "node:buffer";
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
import { issueToken, verifyToken } from "../lib/tokens.ts";

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
  /** Tells a site's developers what is wrong with a Secret. */
  readonly events: EventRecorder;
  /** Where each outcome is told. */
  readonly log: Logger;
}

/** Selects the token Secrets that are ours. */
export const TOKEN_SECRET_SELECTOR = `${LABELS.insightsToken}=true`;

const SECRET_LABELS = { [LABELS.insightsToken]: "true", [LABELS.dynamicSecret]: TOKEN_SECRET.name };
/** How soon a Secret that is somebody else's is looked at again: nothing tells us when they give the name up. */
const FOREIGN_RECHECK_MS = 10 * 60 * 1000;

/** The label selector for namespaces that get a Secret. */
export function namespaceSelector(targetLabel?: string): string {
  const labels = [LABELS.environmentId, LABELS.project, LABELS.environment];
  return (targetLabel ? [...labels, targetLabel] : labels).join(",");
}

/** Puts a namespace's Secret in line when the namespace changes. */
export function namespaceHandler(queue: WorkQueue): ReflectorHandler {
  return {
    onObject: ({ metadata }) => queue.add(secretKey(metadata.name)),
    onGone: ({ name }) => queue.forget(secretKey(name)),
  };
}

/** Puts a Secret in line when it changes or goes. */
export function secretHandler(queue: WorkQueue): ReflectorHandler {
  const add = ({ namespace, name }: ObjectKey) => {
    if (name === TOKEN_SECRET.name) queue.add({ namespace, name });
  };
  return {
    onObject: ({ metadata }) => add({ namespace: metadata.namespace ?? "", name: metadata.name }),
    onGone: add,
  };
}

/** Makes the reconcile function; its keys name token Secrets, whether they are there or not. */
export function createNamespaceReconcile(
  { kube, events, log }: NamespaceDependencies,
  options: NamespaceOptions,
): Reconcile {
  /** Secrets of somebody else that we have said so about, by uid. */
  const reported = new Set<string>();

  return async function reconcileNamespace(key, { signal }) {
    try {
      const environment = await readTarget(key.namespace, signal);
      if (!environment) return {};
      const secret = await readSecret(key, signal);
      if (!secret) {
        await create(key, environment, signal);
      } else if (secret.metadata.labels?.[LABELS.insightsToken] !== "true") {
        await reportForeign(secret, signal);
        return { requeueAfterMs: FOREIGN_RECHECK_MS };
      } else if (!await isGood(secret, environment, options.secret)) {
        await repair(secret, environment, signal);
      }
    } catch (error) {
      // The namespace went away, or is about to, while we worked: it needs no token any more.
      if (!isNotFound(error) && !isNamespaceTerminating(error)) throw error;
    }
    return {};
  };

  /** The environment of a namespace that is to have a Secret. */
  async function readTarget(name: string, signal: AbortSignal): Promise<Environment | undefined> {
    const { metadata } = await kube.getMetadata(RESOURCES.namespaces, { namespace: "", name }, { signal });
    if (metadata.deletionTimestamp) return undefined;
    const { labels = {} } = metadata;
    if (options.targetLabel && !(options.targetLabel in labels)) return undefined;
    return readEnvironment(name, labels);
  }

  async function readSecret(key: ObjectKey, signal: AbortSignal): Promise<Secret | undefined> {
    try {
      return await kube.get(RESOURCES.secrets, key, { signal });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async function create(key: ObjectKey, environment: Environment, signal: AbortSignal): Promise<void> {
    const data = await secretData(environment);
    const object = { type: "Opaque", metadata: { labels: SECRET_LABELS }, data };
    await kube.create(RESOURCES.secrets, key, object, { signal });
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
      data: await secretData(environment),
    };
    const key = secretKey(environment.namespace);
    await kube.apply(RESOURCES.secrets, key, fields, { signal });
    log.warn("Token Secret repaired", { object: formatKey(key) });
  }

  async function reportForeign(secret: Secret, signal: AbortSignal): Promise<void> {
    if (reported.has(secret.metadata.uid)) return;
    reported.add(secret.metadata.uid);
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

  async function secretData(environment: Environment): Promise<Record<string, string>> {
    const token = await issueToken(options.secret, environment);
    return { [TOKEN_SECRET.key]: Buffer.from(token).toString("base64") };
  }
}

/** Whether the Secret's token is signed with the secret, and says what the namespace's labels say. */
async function isGood(
  { metadata, data }: Secret,
  environment: Environment,
  secret: string,
): Promise<boolean> {
  const labelled = Object.entries(SECRET_LABELS).every(([name, value]) => metadata.labels?.[name] === value);
  const token = Buffer.from(data?.[TOKEN_SECRET.key] ?? "", "base64").toString();
  if (!labelled || token === "") return false;
  try {
    const claims = await verifyToken([secret], token);
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
