import { jwtVerify, SignJWT } from "jose";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { inspect } from "node:util";
import { createVerifier, issueToken, TokenError } from "../../lib/tokens.ts";
import { tokenAttacks } from "../fixtures/token_attacks.ts";
import {
  CLAIMS,
  claimsAnd,
  ENVIRONMENT,
  forge,
  HEADER,
  LOOSE,
  looseEnd,
  signText,
} from "../fixtures/tokens.ts";

const SECRET = "0123456789";
/** Unix seconds. */
const NOW = 1_800_000_000;
const CLOCK = { now: () => NOW * 1000 };

const verify = createVerifier({ secrets: [SECRET], clock: CLOCK });

function sign(header: unknown, payload: unknown, options: { secret?: string; hash?: string } = {}): string {
  return forge(header, payload, { secret: SECRET, ...options });
}

async function refusal(token: string, verifier = verify): Promise<TokenError> {
  try {
    await verifier(token);
  } catch (error) {
    assert(error instanceof TokenError, inspect(error));
    return error;
  }
  assert.fail(`The token was accepted: ${token.slice(0, 1000)}`);
}

Deno.test("issueToken() writes header and claims as the Go remote does, byte for byte", () => {
  const token = issueToken(SECRET, ENVIRONMENT);
  assert.equal(
    token.slice(0, token.lastIndexOf(".")),
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." +
      "eyJFbnZpcm9ubWVudElkIjoiMyIsIkVudmlyb25tZW50TmFtZSI6Im1haW4iLCJOYW1lc3BhY2UiOiJwcm9qLW1haW4i" +
      "LCJQcm9qZWN0TmFtZSI6InByb2oifQ",
  );
});

Deno.test("issueToken() signs with HMAC-SHA-256, with secrets of any length", () => {
  for (const secret of ["x", SECRET, "sécret ".repeat(40)]) {
    assert.equal(issueToken(secret, ENVIRONMENT), sign(HEADER, CLAIMS, { secret }), secret);
  }
});

Deno.test("issueToken() escapes what Go's JSON encoder escapes", async () => {
  const token = issueToken(SECRET, { ...ENVIRONMENT, projectName: "a<b>&\u2028\u2029é" });
  const written = Buffer.from(token.split(".")[1]!, "base64url").toString();
  assert(written.endsWith('"ProjectName":"a\\u003cb\\u003e\\u0026\\u2028\\u2029é"}'));
  assert.equal((await verify(token)).projectName, "a<b>&\u2028\u2029é");
});

Deno.test("an empty secret neither signs nor verifies, and without a secret nothing is verified", () => {
  assert.throws(() => issueToken("", ENVIRONMENT), TypeError);
  for (const secrets of [[], [""], [SECRET, ""]]) {
    assert.throws(() => createVerifier({ secrets, clock: CLOCK }), TypeError);
  }
});

Deno.test("our tokens verify with jose, and jose's tokens verify here", async () => {
  for (const secret of [SECRET, "sécret ".repeat(40)]) {
    const ours = createVerifier({ secrets: [secret], clock: CLOCK });
    for (const projectName of ["proj", "", "a<b>&\u2028é日本😀", "x".repeat(4000)]) {
      const environment = { ...ENVIRONMENT, projectName };
      const key = new TextEncoder().encode(secret);
      const verified = await jwtVerify(issueToken(secret, environment), key, { algorithms: ["HS256"] });
      assert.deepEqual(verified.payload, { ...CLAIMS, ProjectName: projectName });
      const theirs = new SignJWT({ ...CLAIMS, ProjectName: projectName }).setProtectedHeader({ alg: "HS256" })
        .setIssuedAt(NOW - 1).setNotBefore(NOW).setExpirationTime(NOW + 1);
      assert.deepEqual(await ours(await theirs.sign(key)), environment);
    }
  }
});

Deno.test("tokens of the current and the previous secret are accepted, and no others", async () => {
  const secrets = ["the new secret", "the old secret"];
  const verifier = createVerifier({ secrets, clock: CLOCK });
  for (const secret of secrets) {
    assert.deepEqual(await verifier(issueToken(secret, ENVIRONMENT)), ENVIRONMENT);
  }
  assert.equal((await refusal(issueToken("a third secret", ENVIRONMENT), verifier)).code, "token-signature");
});

Deno.test("good tokens are accepted in every form", async () => {
  const tokens: Readonly<Record<string, string>> = {
    "ours": issueToken(SECRET, ENVIRONMENT),
    "no typ": sign({ alg: "HS256" }, CLAIMS),
    "typ in lower case, and in another order": sign({ typ: "jwt", alg: "HS256" }, CLAIMS),
    "unknown header fields": sign({ ...HEADER, kid: "1", jwk: { alg: "none" } }, CLAIMS),
    "unknown claims": sign(HEADER, { ...CLAIMS, iat: "x", aud: [{ a: 1 }] }),
    "white space within JSON": sign('{ "alg" : "HS256" }', ` ${JSON.stringify(CLAIMS, null, 2)}\n`),
    "names written with escapes": sign('{"\\u0061lg":"HS256"}', CLAIMS),
    "strings that look like structure": sign(HEADER, { "a:{": '"a":{[,\\', ...CLAIMS, "\\": '\\":' }),
    "one name twice, but not at the top": sign(HEADER, claimsAnd('"x":[{"a":1,"a":2}],"a":{"a":1}')),
    "another typ": sign({ alg: "HS256", typ: "at+jwt" }, CLAIMS),
    "one name twice, of which the last counts": sign(HEADER, claimsAnd('"x":1,"x":2')),
    "bits to spare in the header": signText(`${looseEnd(LOOSE.header)}.${LOOSE.payload}`, { secret: SECRET }),
    "bits to spare, all zero": signText(`${LOOSE.header}.${LOOSE.payload}`, { secret: SECRET }),
    "exp in a second": sign(HEADER, { ...CLAIMS, exp: NOW + 1 }),
    "exp in half a second": sign(HEADER, { ...CLAIMS, exp: NOW + 0.5 }),
    "nbf now": sign(HEADER, { ...CLAIMS, nbf: NOW }),
    "nbf before 1970": sign(HEADER, { ...CLAIMS, nbf: -1 }),
    "as long as a token may be": sign(HEADER, { ...CLAIMS, x: "x".repeat(5985) }),
  };
  for (const [name, token] of Object.entries(tokens)) {
    assert.deepEqual(await verify(token), ENVIRONMENT, name);
  }
  assert.equal(tokens["as long as a token may be"]!.length, 8192);
});

Deno.test("empty names are accepted where Lagoon allows them, and all of Unicode but control characters", async () => {
  for (const name of ["", "é", "日本", "😀", "\u00a0\u2028\ufeff\u200b"]) {
    const token = sign(HEADER, { ...CLAIMS, ProjectName: name, EnvironmentName: name });
    assert.deepEqual(await verify(token), { ...ENVIRONMENT, projectName: name, environmentName: name });
  }
});

const ATTACKS = tokenAttacks({ secret: SECRET, now: NOW });

for (const [code, tokens] of Object.entries(ATTACKS)) {
  Deno.test(`refused as ${code}, without any part of token or secret in the error: ${Object.keys(tokens).length} attacks`, async () => {
    for (const [name, token] of Object.entries(tokens)) {
      const error = await refusal(token);
      assert.equal(error.code, code, name);
      const text = inspect(error, { depth: 10, showHidden: true });
      const words = [SECRET, "victim", "proj-main", ...token.split(/[.\s,]+/)];
      for (const word of words) assert(word.length < 6 || !text.includes(word), `${name}: ${text}`);
      assert.deepEqual(Object.keys(error).sort(), ["code", "name"]);
    }
  });
}

Deno.test("the attacks reach just beyond the longest accepted token", () => {
  assert.equal(ATTACKS["token-malformed"]?.["a character too long"]?.length, 8193);
});

Deno.test("a token is refused when anything is cut off", async () => {
  const token = issueToken(SECRET, ENVIRONMENT);
  for (let length = 0; length < token.length; length++) await refusal(token.slice(0, length));
  for (let length = 1; length < token.length; length++) await refusal(token.slice(length));
});

Deno.test("only a signed token is reported as expired or not yet valid", async () => {
  for (const claims of [{ ...CLAIMS, exp: 1 }, { ...CLAIMS, nbf: NOW + 1 }, {}]) {
    const token = sign(HEADER, claims, { secret: "another secret" });
    assert.equal((await refusal(token)).code, "token-signature");
  }
});

Deno.test("the time is checked each time, for a remembered token too", async () => {
  let now = NOW * 1000;
  const verifier = createVerifier({ secrets: [SECRET], clock: { now: () => now } });
  const token = sign(HEADER, { ...CLAIMS, exp: NOW + 1 });
  assert.deepEqual(await verifier(token), ENVIRONMENT);
  now += 999;
  assert.deepEqual(await verifier(token), ENVIRONMENT);
  now += 1;
  assert.equal((await refusal(token, verifier)).code, "token-expired");
});

/** Counts signatures that are verified while it is in use. */
function countVerifications() {
  const { subtle } = crypto;
  const { verify: real } = SubtleCrypto.prototype;
  let count = 0;
  SubtleCrypto.prototype.verify = (...parameters: Parameters<typeof real>) => {
    count++;
    return real.apply(subtle, parameters);
  };
  return {
    /** Since the last call. */
    take() {
      const taken = count;
      count = 0;
      return taken;
    },
    [Symbol.dispose]() {
      SubtleCrypto.prototype.verify = real;
    },
  };
}

Deno.test("a token that is too long or has another form costs no verification", async () => {
  const verifier = createVerifier({ secrets: [SECRET], clock: CLOCK });
  using verifications = countVerifications();
  await verifier(issueToken(SECRET, ENVIRONMENT));
  assert.equal(verifications.take(), 1, "verifications are counted");
  const tooLong = issueToken(SECRET, { ...ENVIRONMENT, projectName: "x".repeat(8192) });
  for (const token of [tooLong, "a.b", ".".repeat(1000)]) {
    assert.equal((await refusal(token, verifier)).code, "token-malformed");
  }
  assert.equal(verifications.take(), 0);
});

Deno.test("a recent token is not verified again; of many, the least recent are forgotten", async () => {
  const verifier = createVerifier({ secrets: [SECRET], clock: CLOCK });
  using verifications = countVerifications();
  const verificationsOf = async (...tokens: string[]) => {
    for (const token of tokens) await verifier(token);
    return verifications.take();
  };
  const [first = "", second = "", ...others] = Array.from(
    { length: 1025 },
    (_, index) => issueToken(SECRET, { ...ENVIRONMENT, environmentId: String(index) }),
  );
  assert.equal(await verificationsOf(first, second), 2);
  assert.equal(await verificationsOf(first), 0);
  assert.equal(await verificationsOf(...others), 1023);
  assert.equal(await verificationsOf(first), 0);
  assert.equal(await verificationsOf(second), 1);
  const long = sign(HEADER, { ...CLAIMS, x: "x".repeat(1024) });
  assert.equal(await verificationsOf(long, long), 2, "a long token is not remembered");
});
