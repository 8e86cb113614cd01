import fc from "fast-check";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createVerifier, issueToken, TokenError } from "../../lib/tokens.ts";
import { CLAIMS, ENVIRONMENT, forge, HEADER, segment, signText } from "../fixtures/tokens.ts";

const SECRETS = ["the current secret", "the previous secret"];
const TOKENS_TO_TRY = 100_000;
/** Unix seconds. */
const NOW = 1_800_000_000;

const verify = createVerifier({ secrets: SECRETS, clock: { now: () => NOW * 1000 } });

/** Tokens that an attacker may have seen, of several environments and secrets; one has expired. */
const VALID = [
  ...SECRETS.map((secret) => issueToken(secret, ENVIRONMENT)),
  issueToken("the current secret", { ...ENVIRONMENT, namespace: "victim", projectName: "é\u2028<>" }),
  forge({ alg: "HS256" }, { ...CLAIMS, kind: "no typ" }, { secret: "the previous secret" }),
];
const SEEN = [...VALID, forge(HEADER, { ...CLAIMS, exp: 1 }, { secret: "the current secret" })];
const valid = new Set(VALID);

type Mutation = (token: string) => string;

/** A position in a text, as a fraction of its length. */
const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const at = (text: string, where: number) => Math.floor(where * text.length);

const character = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(..."ABYZaeghwz0189-_") },
  { weight: 1, arbitrary: fc.constantFrom(...'+/=. \n\0"{é\u0165\u2028\ufeff\ud800') },
);

const index = fc.nat({ max: 2 });
const value = fc.oneof(
  fc.constantFrom("none", "HS256", "HS512", "victim", "", null, NOW, NOW + 1, true),
  fc.string({ maxLength: 8 }),
);
const field = fc.constantFrom("alg", "typ", "crit", "kid", "jwk", "exp", "nbf", ...Object.keys(CLAIMS));

/** Changes one of the three parts, if the token has it. */
function onSegment(which: number, change: (segment: string) => string): Mutation {
  return (token) => token.split(".").map((text, i) => i === which ? change(text) : text).join(".");
}

function flipBit(text: string, where: number, bit: number): string {
  const bytes = Buffer.from(text, "base64url");
  if (bytes.length > 0) bytes[at(text, where) % bytes.length]! ^= 1 << bit;
  return bytes.toString("base64url");
}

/** Sets one field; text that is not a JSON object stays. */
function setField(text: string, name: string, content: unknown): string {
  try {
    const object = JSON.parse(Buffer.from(text, "base64url").toString());
    return segment({ ...object, [name]: content });
  } catch {
    return text;
  }
}

function signedAgain(secret: string, hash: string): Mutation {
  return (token) => signText(token.split(".").slice(0, 2).join("."), { secret, hash });
}

const attackersKey = fc.constantFrom("", "testsecret", "the current secre", "The current secret", "null");
const hash = fc.constantFrom("sha256", "sha384", "sha512", "sha1");

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  // Characters of the text.
  fc.tuple(place, character).map(([where, c]): Mutation => (token) =>
    token.slice(0, at(token, where)) + c + token.slice(at(token, where) + 1)
  ),
  fc.tuple(place, character).map(([where, c]): Mutation => (token) =>
    token.slice(0, at(token, where)) + c + token.slice(at(token, where))
  ),
  fc.tuple(place, fc.nat({ max: 9 })).map(([where, length]): Mutation => (token) =>
    token.slice(0, at(token, where)) + token.slice(at(token, where) + length + 1)
  ),
  fc.tuple(place, place).map(([from, to]): Mutation => (token) =>
    token.slice(0, at(token, from)) + token.slice(at(token, to))
  ),
  fc.tuple(place, fc.nat({ max: 7 })).map(([where, bit]): Mutation => (token) =>
    token.slice(0, at(token, where)) +
    String.fromCharCode((token.charCodeAt(at(token, where)) || 0) ^ 1 << bit) +
    token.slice(at(token, where) + 1)
  ),
  fc.tuple(fc.constantFrom(" ", "\n", "=", "==", ".", "A", "\0"), fc.boolean()).map(
    ([text, after]): Mutation => (token) => after ? token + text : text + token,
  ),
  // The last character of a part, which may have unused bits.
  fc.tuple(index, character).map(([which, c]) => onSegment(which, (text) => text.slice(0, -1) + c)),
  // Bytes and segments.
  fc.tuple(index, place, fc.nat({ max: 7 })).map(([which, where, bit]) =>
    onSegment(which, (text) => flipBit(text, where, bit))
  ),
  fc.tuple(index, index).map(([a, b]): Mutation => (token) => {
    const parts = token.split(".");
    return parts.map((part, i) => i === a ? parts[b] ?? "" : i === b ? parts[a] ?? "" : part).join(".");
  }),
  fc.tuple(index, fc.constantFrom(...SEEN), index).map(([which, other, its]) =>
    onSegment(which, () => other.split(".")[its]!)
  ),
  fc.tuple(fc.constantFrom(...SEEN), fc.constantFrom("", ".", ",", " ", ", ")).map(
    ([other, between]): Mutation => (token) => token + between + other,
  ),
  fc.constantFrom<Mutation[]>(
    (token) => token.split(".").slice(0, 2).join("."),
    (token) => `${token.split(".").slice(0, 2).join(".")}.`,
    (token) => token.split(".").reverse().join("."),
    (token) => token.toLowerCase(),
    (token) => token.replace(/[-_]/g, (c) => c === "-" ? "+" : "/"),
    (token) => `${token}.${token.split(".")[2]}`,
  ),
  // Other encodings of the same bytes.
  fc.tuple(index, fc.constantFrom<BufferEncoding[]>("base64", "hex", "utf8", "utf16le")).map((
    [which, encoding],
  ) => onSegment(which, (text) => Buffer.from(text, "base64url").toString(encoding))),
  fc.tuple(index, fc.constantFrom(" ", "\n", "\ufeff", "\0")).map(([which, space]) =>
    onSegment(which, (text) => segment(Buffer.from(text, "base64url").toString() + space))
  ),
  // Other contents, and keys of the attacker.
  fc.tuple(index, field, value).map(([which, name, content]) =>
    onSegment(which, (text) => setField(text, name, content))
  ),
  fc.tuple(attackersKey, hash).map(([secret, name]) => signedAgain(secret, name)),
  fc.tuple(value, attackersKey, hash).map(([alg, secret, name]): Mutation => (token) =>
    signedAgain(secret, name)(onSegment(0, (text) => setField(text, "alg", alg))(token))
  ),
);

Deno.test(`none of ${TOKENS_TO_TRY} changed tokens is accepted`, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...SEEN),
      fc.array(mutation, { minLength: 1, maxLength: 3 }),
      async (seen, mutations) => {
        const token = mutations.reduce((text, mutate) => mutate(text), seen);
        fc.pre(!valid.has(token));
        await assert.rejects(verify(token), TokenError, token);
      },
    ),
    { numRuns: TOKENS_TO_TRY },
  );
});

Deno.test("the tokens that were changed are accepted themselves, even after all these", async () => {
  for (const token of VALID) assert.equal((await verify(token)).environmentId, "3");
});
