/**
 * The tokens that tell which environment a request comes from: JWTs signed with HMAC-SHA-256 and nothing else, equal
 * byte for byte to those of the Go remote, so that both can run side by side with one secret. Nothing else of JOSE is
 * here: no other algorithm, no keys in headers, no encryption, no extensions.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { Clock } from "./clock.ts";
import { AppError } from "./errors.ts";
import { createHmacSha256 } from "./hmac.ts";
import type { Environment } from "./lagoon.ts";

/** A token that is not accepted. Neither its message nor its cause holds the token or a secret. */
export class TokenError extends AppError {
  /** For logs. */
  override name = "TokenError";
}

/** Where and when tokens are verified. */
export interface VerifierOptions {
  /**
   * At least one, and none empty; a token may be signed with any of them, so that a secret can be changed while tokens
   * of the previous one are in use.
   */
  readonly secrets: readonly string[];
  /** Tells whether a token has expired, or is not valid yet. */
  readonly clock: Pick<Clock, "now">;
}

/** The only algorithm; never taken from the token. */
const ALGORITHM = "HS256";

const HEADER = base64url('{"alg":"HS256","typ":"JWT"}');

/** In characters; ours have some 200. A longer one isn't looked at, so that it costs nobody anything. */
const LONGEST_TOKEN = 8192;

/**
 * Most tokens that are remembered, and the longest of them in characters: at most 2 MB together. Only tokens that were signed
 * with our secret come in, so nobody else can push them out.
 */
const MAX_REMEMBERED = 1024;
const LONGEST_REMEMBERED = 1024;

/** Keeps a byte order mark, so that JSON.parse refuses it. */
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** No control characters and no lone surrogates: they are in no name, and confuse logs and whoever reads on. */
const nameSchema = z.string().regex(/^[^\p{Cc}\p{Cs}]*$/u);

/** Other claims are nothing to us. */
const claimsSchema = z.object({
  EnvironmentId: nameSchema.min(1),
  EnvironmentName: nameSchema,
  Namespace: nameSchema.min(1),
  ProjectName: nameSchema,
  /** Unix seconds, whole or not, from which on the token is refused. */
  exp: z.number().optional(),
  /** Unix seconds before which it is refused. */
  nbf: z.number().optional(),
});

type Claims = z.infer<typeof claimsSchema>;
type Signer = ReturnType<typeof createHmacSha256>;

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
 * const verify = createVerifier({ secrets: ["new secret", "old secret"], clock: systemClock });
 * verify(issueToken("new secret", environment)); // the environment again
 * ```
 */
export function issueToken(secret: string, environment: Environment): string {
  return createIssuer(secret)(environment);
}

/**
 * Makes what {@link issueToken} is for many environments.
 *
 * @param secret Not empty.
 */
export function createIssuer(secret: string): (environment: Environment) => string {
  if (secret === "") throw new TypeError("Cannot issue a token as the secret must not be empty");
  const sign = createHmacSha256(secret);
  return function issue(environment) {
    const claims = {
      EnvironmentId: environment.environmentId,
      EnvironmentName: environment.environmentName,
      Namespace: environment.namespace,
      ProjectName: environment.projectName,
    };
    const signed = `${HEADER}.${base64url(goJson(claims))}`;
    return `${signed}.${sign(signed).toString("base64url")}`;
  };
}

/**
 * Makes the function that tells which environment a token was issued for. It takes the token as the client sent it,
 * which may be empty, and throws a {@link TokenError} when it is not accepted, with one of the codes `token-missing`,
 * `token-malformed`, `token-algorithm`, `token-signature`, `token-expired` and `token-claims`.
 *
 * @throws {TypeError} Without a secret, or with an empty one: everybody could sign with that.
 */
export function createVerifier({ secrets, clock }: VerifierOptions): (token: string) => Environment {
  if (secrets.length === 0 || secrets.includes("")) {
    throw new TypeError("Cannot verify tokens as there must be a secret and none may be empty");
  }
  const signers = secrets.map(createHmacSha256);
  const remembered = new Map<string, Claims>();
  return function verifyToken(token) {
    const now = clock.now() / 1000;
    const claims = remembered.get(token) ?? verifyClaims(token, signers);
    const environment = environmentOf(claims, now);
    if (token.length <= LONGEST_REMEMBERED) remember(remembered, token, claims);
    return environment;
  };
}

/** Who has come last goes last. */
function remember(remembered: Map<string, Claims>, token: string, claims: Claims): void {
  remembered.delete(token);
  remembered.set(token, claims);
  if (remembered.size <= MAX_REMEMBERED) return;
  for (const [oldest] of remembered) return void remembered.delete(oldest);
}

/** What a token says, whenever that may be true. */
function verifyClaims(token: string, signers: readonly Signer[]): Claims {
  if (token === "") throw new TokenError("token-missing", "The Authorization header must hold a token");
  if (token.length > LONGEST_TOKEN) throw malformedError();
  const [header = "", payload = "", signature = "", ...more] = token.split(".");
  if (more.length > 0) throw malformedError();
  // The text of all three is checked here, but nobody parses a payload that we didn't sign.
  const bytes = { header: decode(header), payload: decode(payload), signature: decode(signature) };
  checkHeader(parseObject(bytes.header));
  if (!isSigned(`${header}.${payload}`, bytes.signature, signers)) {
    throw new TokenError("token-signature", "The token is not signed with this cluster's secret");
  }
  const { success, data } = claimsSchema.safeParse(parseObject(bytes.payload));
  if (!success) throw claimsError();
  return data;
}

/** One token has one way to be written: what a decoder would forgive, padding or left-over bits, is refused. */
function decode(segment: string): Buffer {
  const bytes = Buffer.from(segment, "base64url");
  if (segment === "" || bytes.toString("base64url") !== segment) throw malformedError();
  return bytes;
}

/** Without the cause of a failure: what JSON.parse throws quotes the text. */
function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const json = UTF8.decode(bytes);
    const value: unknown = JSON.parse(json);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    // JSON.parse keeps the last of fields with one name, other readers the first.
    if (isObject && Object.keys(value).length === countFields(json)) return { ...value };
  } catch {
    // Refused below.
  }
  throw malformedError();
}

/** How many fields the text of a JSON object writes, those of objects in it aside. The text must be valid. */
function countFields(json: string): number {
  let fields = 0;
  let depth = 0;
  for (const [part] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)) {
    if (part === "{" || part === "[") depth++;
    else if (part === "}" || part === "]") depth--;
    else if (part === ":" && depth === 1) fields++;
  }
  return fields;
}

/** Fields that we don't know are ignored; those that `crit` names must not be, and we know none of them. */
function checkHeader({ alg, typ = "JWT", crit }: Readonly<Record<string, unknown>>): void {
  if (alg !== ALGORITHM) {
    throw new TokenError("token-algorithm", `The token must be signed with ${ALGORITHM}`);
  }
  if (crit !== undefined || typeof typ !== "string" || typ.toUpperCase() !== "JWT") throw malformedError();
}

/** Every secret is tried, and every byte compared, so that the time it takes tells nothing. */
function isSigned(input: string, signature: Uint8Array, signers: readonly Signer[]): boolean {
  let signed = false;
  for (const sign of signers) {
    const expected = sign(input);
    const equal = expected.length === signature.length && timingSafeEqual(expected, signature);
    signed ||= equal;
  }
  return signed;
}

/** @param now Unix seconds. */
function environmentOf(claims: Claims, now: number): Environment {
  const { exp = Number.POSITIVE_INFINITY, nbf = Number.NEGATIVE_INFINITY } = claims;
  if (now >= exp) throw new TokenError("token-expired", "The token has expired");
  if (now < nbf) throw claimsError();
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
