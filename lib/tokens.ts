/**
 * Tokens that identify the environment of a request: JWTs signed with HMAC-SHA-256 and no other algorithm, equal byte
 * for byte to those of the Go remote (docs/protocol.md, "Tokens").
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { compactVerify, errors } from "jose";
import { z } from "zod";
import type { Clock } from "./clock.ts";
import { AppError } from "./errors.ts";
import type { Environment } from "./lagoon.ts";

/** A token that is not accepted. Neither its message nor its cause holds the token or a secret. */
export class TokenError extends AppError {
  override name = "TokenError";
}

/** Options of {@link createVerifier}. */
export interface VerifierOptions {
  /** At least one, none empty. With several, a secret can be changed while tokens of the previous one are in use. */
  readonly secrets: readonly string[];
  readonly clock: Pick<Clock, "now">;
}

/** Never taken from the token. */
const ALGORITHM = "HS256";
const HEADER = base64url('{"alg":"HS256","typ":"JWT"}');

/** In characters; ours have about 200. Longer ones are not parsed. */
const LONGEST_TOKEN = 8192;
/** Three parts in base64url; jose would also accept white space and padding. */
const FORM = /^[\w-]+\.[\w-]+\.[\w-]+$/;
/** The last character of 32 bytes in base64url; jose ignores the two bits that it has to spare. */
const CANONICAL_END = /[AEIMQUYcgkosw048]$/;

/** Together at most 2 MB. Only signed tokens are remembered, so other clients can't evict them. */
const MAX_REMEMBERED = 1024;
/** In characters. */
const LONGEST_REMEMBERED = 1024;

const UTF8 = new TextDecoder("utf-8", { fatal: true });

/** Without control characters and lone surrogates, which no name has and which garble logs. */
const nameSchema = z.string().regex(/^[^\p{Cc}\p{Cs}]*$/u);

const claimsSchema = z.object({
  EnvironmentId: nameSchema.min(1),
  EnvironmentName: nameSchema,
  Namespace: nameSchema.min(1),
  ProjectName: nameSchema,
  /** Unix seconds, possibly fractional, from which the token is refused. */
  exp: z.number().default(Number.POSITIVE_INFINITY),
  /** Unix seconds before which it is refused. */
  nbf: z.number().default(Number.NEGATIVE_INFINITY),
});

type Claims = z.infer<typeof claimsSchema>;

/**
 * Issues the token of an environment. It does not expire, and the same environment and secret always give the same
 * token.
 *
 * @param secret Not empty.
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
 * Makes the function that returns the environment that a token was issued for. It takes the token as the client sent it,
 * possibly empty. If the token is not accepted, it rejects with a {@link TokenError} whose code is `token-missing`,
 * `token-malformed`, `token-algorithm`, `token-signature`, `token-expired` or `token-claims`.
 *
 * @throws {TypeError} Without a secret, or with an empty one, with which anyone could sign.
 */
export function createVerifier({ secrets, clock }: VerifierOptions): (token: string) => Promise<Environment> {
  if (secrets.length === 0 || secrets.includes("")) {
    throw new TypeError("Cannot verify tokens as there must be a secret and none may be empty");
  }
  const keys = Promise.all(secrets.map(importKey));
  const remembered = new Map<string, Claims>();
  return async function verifyToken(token) {
    const claims = remembered.get(token) ?? await verifyClaims(token, await keys);
    const environment = environmentOf(claims, clock.now() / 1000);
    if (token.length <= LONGEST_REMEMBERED) remember(remembered, token, claims);
    return environment;
  };
}

function importKey(secret: string): Promise<CryptoKey> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  return crypto.subtle.importKey("raw", new TextEncoder().encode(secret), algorithm, false, ["verify"]);
}

/** LRU: re-inserts the token as the newest. */
function remember(remembered: Map<string, Claims>, token: string, claims: Claims): void {
  remembered.delete(token);
  remembered.set(token, claims);
  if (remembered.size <= MAX_REMEMBERED) return;
  for (const [oldest] of remembered) return void remembered.delete(oldest);
}

/** Checks everything but the time. */
async function verifyClaims(token: string, keys: readonly CryptoKey[]): Promise<Claims> {
  if (token === "") throw new TokenError("token-missing", "The Authorization header must hold a token");
  if (token.length > LONGEST_TOKEN || !FORM.test(token)) throw malformedError();
  const payload = await verifySignature(token, keys);
  if (!CANONICAL_END.test(token)) throw malformedError();
  const { success, data } = claimsSchema.safeParse(parseJson(payload));
  if (!success) throw claimsError();
  return data;
}

/** Returns the payload once one of the keys has signed it. */
async function verifySignature(token: string, keys: readonly CryptoKey[]): Promise<Uint8Array> {
  for (const key of keys) {
    try {
      const { payload, protectedHeader } = await compactVerify(token, key, { algorithms: [ALGORITHM] });
      // jose knows one extension; we know none.
      if (protectedHeader.crit !== undefined) throw malformedError();
      return payload;
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) continue;
      if (error instanceof errors.JOSEAlgNotAllowed) {
        throw new TokenError("token-algorithm", `The token must be signed with ${ALGORITHM}`);
      }
      // Not as a cause: jose's errors quote the token.
      throw malformedError();
    }
  }
  throw new TokenError("token-signature", "The token is not signed with this cluster's secret");
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(UTF8.decode(bytes));
  } catch {
    // Not as a cause: JSON.parse's error quotes the text.
    throw malformedError();
  }
}

/** @param now Unix seconds. */
function environmentOf(claims: Claims, now: number): Environment {
  if (now >= claims.exp) throw new TokenError("token-expired", "The token has expired");
  if (now < claims.nbf) throw claimsError();
  return {
    namespace: claims.Namespace,
    environmentId: claims.EnvironmentId,
    projectName: claims.ProjectName,
    environmentName: claims.EnvironmentName,
  };
}

function malformedError(): TokenError {
  return new TokenError("token-malformed", "The Authorization header must hold a JSON Web Token");
}

function claimsError(): TokenError {
  return new TokenError("token-claims", "The token doesn't name an environment, or is not valid yet");
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
