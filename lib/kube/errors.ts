/**
 * What the API server answers when it refuses, as errors that carry the Status object's facts.
 *
 * @module
 */
import { AppError } from "../errors.ts";

/** The API server's refusal of one request, or a watch that broke. */
export class KubeError extends AppError {
  /** For logs. */
  override name = "KubeError";
  /** HTTP status, or the code of the Status object in a watch; 0 when the server could not be asked. */
  readonly status: number;
  /** The Status object's reason, such as `NotFound` or `AlreadyExists`; empty when there was none. */
  readonly reason: string;
  /** How long the server asks to be left alone, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** Machine-readable causes in the Status object, such as `NamespaceTerminating`. */
  readonly causes: readonly string[];

  /**
   * Makes an error.
   *
   * @param message What was asked, of which object, and what came of it.
   */
  constructor(message: string, facts: KubeErrorFacts, options?: ErrorOptions) {
    super(`kubernetes-${facts.status || "unreachable"}`, message, options);
    this.status = facts.status;
    this.reason = facts.reason ?? "";
    this.retryAfterMs = facts.retryAfterMs;
    this.causes = facts.causes ?? [];
  }
}

/** Facts of a {@link KubeError}. */
export interface KubeErrorFacts {
  /** As in {@link KubeError}. */
  readonly status: number;
  /** As in {@link KubeError}. */
  readonly reason?: string;
  /** As in {@link KubeError}. */
  readonly retryAfterMs?: number | undefined;
  /** As in {@link KubeError}. */
  readonly causes?: readonly string[];
}

/** The fields of a Status object that the program reads. */
export interface Status {
  /** For people. */
  readonly message?: string;
  /** For programs, in CamelCase. */
  readonly reason?: string;
  /** HTTP status. */
  readonly code?: number;
  /** Machine-readable details. */
  readonly details?: {
    readonly causes?: readonly { readonly reason?: string }[];
    readonly retryAfterSeconds?: number;
  };
}

/**
 * Makes the error from a Status object.
 *
 * @param what The request, such as `get configmaps main/web`.
 * @param status HTTP status, used when the Status object has no code.
 * @param retryAfter The answer's Retry-After header, in seconds.
 */
export function kubeError(what: string, body: Status, status: number, retryAfter?: string | null): KubeError {
  const seconds = Number(retryAfter ?? body.details?.retryAfterSeconds ?? Number.NaN);
  const text = body.message ?? "no reason given";
  return new KubeError(`Cannot ${what} as the API server answered ${body.code ?? status}: ${text}`, {
    status: body.code ?? status,
    reason: body.reason ?? "",
    retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : undefined,
    causes: (body.details?.causes ?? []).map((cause) => cause.reason ?? ""),
  });
}

/** The object, or its namespace, is not there. */
export function isNotFound(error: unknown): boolean {
  return error instanceof KubeError && error.status === 404;
}

/** Somebody else wrote first, a precondition failed, or the name is taken: read again, then decide again. */
export function isConflict(error: unknown): boolean {
  return error instanceof KubeError && error.status === 409;
}

/** The resource version or continue token is too old: list again. */
export function isGone(error: unknown): boolean {
  return error instanceof KubeError && error.status === 410;
}

/** RBAC, or the namespace's state, forbids it. */
export function isForbidden(error: unknown): boolean {
  return error instanceof KubeError && error.status === 403;
}

/** The object breaks a rule of its kind: sent again as it is, it is refused again. */
export function isInvalid(error: unknown): boolean {
  return error instanceof KubeError && error.status === 422;
}

/** A quota of the namespace leaves no room for it; only the server's words tell that from other refusals. */
export function isOverQuota(error: unknown): boolean {
  return isForbidden(error) && /\b(?:exceeded|failed) quota\b/.test((error as KubeError).message);
}

/** The namespace is being deleted, so nothing can be created in it any more. */
export function isNamespaceTerminating(error: unknown): boolean {
  return isForbidden(error) && (error as KubeError).causes.includes("NamespaceTerminating");
}
