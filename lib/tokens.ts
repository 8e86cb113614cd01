/**
 * The tokens that tell which environment a request comes from: JWTs signed with HMAC-SHA-256 and nothing else, equal
 * byte for byte to those of the Go remote, so that both can run side by side with one secret.
 *
 * @module
 */
import { errors, type JWTPayload, jwtVerify } from "jose";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { z } from "zod";
import { AppError } from "./errors.ts";
import type { Environment } from "./lagoon.ts";

/** A token that is not accepted. Neither its message nor its cause holds the token or a secret. */
export class TokenError extends AppError {
  /** For logs. */
  override name = "TokenError";
}

/** The only algorithm; never taken from the token. */
const ALGORITHM = "HS256";

const HEADER = base64url('{"alg":"HS256","typ":"JWT"}');

/** Base64url without padding or white space, which decoders forgive: one token has one way to be written. */
const COMPACT_FORM = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

const claimsSchema = z.object({
  EnvironmentId: z.string().min(1),
  EnvironmentName: z.string(),
  Namespace: z.string().min(1),
  ProjectName: z.string(),
});

/**
 * Issues the token of an environment. It has no expiry, and the same environment and secret always give the same
 * token.
 *
 * @param secret Not empty.
 *
 * @example
 * ```ts
 * const environment = {
 *   namespace: "proj-main",
 *   environmentId: "3",
 *   projectName: "proj",
 *   environmentName: "main",
 * };
 * const token = issueToken("new secret", environment);
 * await verifyToken(["new secret", "old secret"], token); // the environment again
 * ```
 */
export function issueToken(secret: string, environment: Environment): string {
  if (secret === "") throw new TypeError("Cannot issue a token as the secret must not be empty");
  const claims = {
    EnvironmentId: environment.environmentId,
    EnvironmentName: environment.environmentName,
    Namespace: environment.namespace,
    ProjectName: environment.projectName,
  };
  const signed = `${HEADER}.${base64url(goJson(claims))}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

/**
 * Tells which environment a token was issued for.
 *
 * @param secrets None empty; the token may be signed with any of them, so that a secret can be changed while tokens
 * of the previous one are in use.
 * @param token As the client sent it; may be empty.
 * @throws {TokenError} Codes `token-missing`, `token-malformed`, `token-algorithm`, `token-signature`, `token-expired`
 * and `token-claims`.
 */
export async function verifyToken(secrets: readonly string[], token: string): Promise<Environment> {
  if (token === "") throw new TokenError("token-missing", "The Authorization header must hold a token");
  if (!COMPACT_FORM.test(token)) throw malformedError();
  const payload = await verifiedPayload(secrets, token);
  const { success, data } = claimsSchema.safeParse(payload);
  if (!success) throw claimsError();
  return {
    namespace: data.Namespace,
    environmentId: data.EnvironmentId,
    projectName: data.ProjectName,
    environmentName: data.EnvironmentName,
  };
}

async function verifiedPayload(secrets: readonly string[], token: string): Promise<JWTPayload> {
  for (const secret of secrets) {
    try {
      const { payload } = await jwtVerify(token, keyOf(secret), { algorithms: [ALGORITHM] });
      return payload;
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw tokenError(error);
    }
  }
  throw new TokenError("token-signature", "The token is not signed with this cluster's secret");
}

/** Without cause: jose's errors carry the claims. */
function tokenError(error: unknown): unknown {
  if (error instanceof errors.JWTExpired) return new TokenError("token-expired", "The token has expired");
  if (error instanceof errors.JWTClaimValidationFailed) return claimsError();
  if (error instanceof errors.JOSEAlgNotAllowed) {
    return new TokenError("token-algorithm", `The token must be signed with ${ALGORITHM}`);
  }
  if (error instanceof errors.JOSEError) {
    return malformedError();
  }
  return error;
}

function malformedError(): TokenError {
  return new TokenError("token-malformed", "The Authorization header must hold a JSON Web Token");
}

function claimsError(): TokenError {
  return new TokenError("token-claims", "The token doesn't name an environment, or is not valid yet");
}

function keyOf(secret: string): Uint8Array {
  return new TextEncoder().encode(secret);
}

function base64url(text: string): string {
  return Buffer.from(text).toString("base64url");
}

/** JSON as Go's encoder writes it, which escapes what could end an HTML script. */
function goJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
