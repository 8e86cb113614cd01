/**
 * Error answers of the API server, with the facts from their Status object.
 *
 * @module
 */
import { AppError } from "../errors.ts";

/** A request that the API server rejected or did not answer, or a watch that broke. */
export class KubeError extends AppError {
  override name = "KubeError";
  /** HTTP status, or the Status object's code in a watch; 0 when there was no answer. */
  readonly status: number;
  /** How long the server asks to wait. */
  readonly retryAfterMs: number;
  /** The reasons in the Status object's details, such as `NamespaceTerminating`. */
  readonly causes: readonly string[];

  /** Makes an error; the message names the request, its object, and what happened. */
  constructor(
    message: string,
    { status, retryAfterMs = 0, causes = [] }: { status: number; retryAfterMs?: number; causes?: string[] },
    options?: ErrorOptions,
  ) {
    super(`kubernetes-${status || "unreachable"}`, message, options);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
    this.causes = causes;
  }
}

/** A reason may quote an object. */
const MAX_MESSAGE_CHARACTERS = 1000;

/** The fields of a Status object that the program reads. */
export interface Status {
  readonly message?: string;
  /** HTTP status. */
  readonly code?: number;
  readonly details?: {
    readonly causes?: readonly { readonly reason?: string }[];
    readonly retryAfterSeconds?: number;
  };
}

/**
 * Makes the error from a Status object.
 *
 * @param what The request, such as `get configmaps main/web`.
 * @param status HTTP status; in a watch, the Status object's code.
 * @param retryAfter The Retry-After header, in seconds.
 */
export function kubeError(what: string, body: Status, status: number, retryAfter?: string | null): KubeError {
  const { details } = body;
  const message = (body.message ?? "no reason given").slice(0, MAX_MESSAGE_CHARACTERS);
  const seconds = Number(retryAfter ?? details?.retryAfterSeconds ?? 0);
  return new KubeError(`Cannot ${what} as the API server answered ${status}: ${message}`, {
    status,
    retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : 0,
    causes: (details?.causes ?? []).map(({ reason = "" }) => reason),
  });
}

/** How long the API server asks to wait after an error; 0 when it does not ask. */
export function retryAfterOf(error: unknown): number {
  return error instanceof KubeError ? error.retryAfterMs : 0;
}

/** The object, or its namespace, does not exist. */
export function isNotFound(error: unknown): boolean {
  return hasStatus(error, 404);
}

/** Waits for a request about one object; undefined when that does not exist. */
export async function unlessNotFound<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Another writer was first, a precondition failed, or the name is taken: read again, then decide again. */
export function isConflict(error: unknown): boolean {
  return hasStatus(error, 409);
}

/** The resource version or continue token has expired: list again. */
export function isGone(error: unknown): boolean {
  return hasStatus(error, 410);
}

/** RBAC, a quota, or the namespace's state forbids it. */
export function isForbidden(error: unknown): boolean {
  return hasStatus(error, 403);
}

/** RBAC forbids it everywhere. Only the message tells that from a quota, a policy or the state of one namespace. */
export function lacksPermission(error: unknown): boolean {
  return hasStatus(error, 403) && /\bcannot \w+ resource\b/.test(error.message);
}

/** The object breaks a rule of its kind; sending it again unchanged cannot help. */
export function isInvalid(error: unknown): boolean {
  return hasStatus(error, 422);
}

/** A quota of the namespace is exhausted. Only the message tells that from a missing permission. */
export function isOverQuota(error: unknown): boolean {
  return hasStatus(error, 403) && /\b(?:exceeded|failed) quota\b/.test(error.message);
}

/** The namespace is being deleted, so nothing can be created in it. */
export function isNamespaceTerminating(error: unknown): boolean {
  return hasStatus(error, 403) && error.causes.includes("NamespaceTerminating");
}

function hasStatus(error: unknown, status: number): error is KubeError {
  return error instanceof KubeError && error.status === status;
}
