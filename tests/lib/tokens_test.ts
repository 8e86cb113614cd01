import { jwtVerify, SignJWT } from "jose";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { inspect } from "node:util";
import { createVerifier, issueToken, TokenError } from "../../lib/tokens.ts";
import { tokenAttacks } from "../fixtures/token_attacks.ts";
import { CLAIMS, claimsAnd, ENVIRONMENT, forge, HEADER, LOOSE, signText } from "../fixtures/tokens.ts";

const SECRET = "0123456789";
/** Unix seconds. */
const NOW = 1_800_000_000;
const CLOCK = { now: () => NOW * 1000 };

const verify = createVerifier({ secrets: [SECRET], clock: CLOCK });

function sign(header: unknown, payload: unknown, options: { secret?: string; hash?: string } = {}): string {
  return forge(header, payload, { secret: SECRET, ...options });
}

function refusal(token: string, verifier = verify): TokenError {
  try {
    verifier(token);
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

Deno.test("issueToken() signs with HMAC-SHA-256, also with secrets of odd lengths", () => {
  for (const secret of ["x", SECRET, "sécret ".repeat(40)]) {
    assert.equal(issueToken(secret, ENVIRONMENT), sign(HEADER, CLAIMS, { secret }), secret);
  }
});

Deno.test("issueToken() escapes what Go's JSON encoder escapes", () => {
  const token = issueToken(SECRET, { ...ENVIRONMENT, projectName: "a<b>&\u2028\u2029é" });
  const written = Buffer.from(token.split(".")[1]!, "base64url").toString();
  assert(written.endsWith('"ProjectName":"a\\u003cb\\u003e\\u0026\\u2028\\u2029é"}'));
  assert.equal(verify(token).projectName, "a<b>&\u2028\u2029é");
});

Deno.test("An empty secret neither signs nor verifies, and without a secret nothing is verified", () => {
  assert.throws(() => issueToken("", ENVIRONMENT), TypeError);
  for (const secrets of [[], [""], [SECRET, ""]]) {
    assert.throws(() => createVerifier({ secrets, clock: CLOCK }), TypeError);
  }
});

Deno.test("What we issue verifies with another implementation, and what that issues verifies with us", async () => {
  for (const secret of [SECRET, "sécret ".repeat(40)]) {
    const ours = createVerifier({ secrets: [secret], clock: CLOCK });
    for (const projectName of ["proj", "", "a<b>&\u2028é日本😀", "x".repeat(4000)]) {
      const environment = { ...ENVIRONMENT, projectName };
      const key = new TextEncoder().encode(secret);
      const verified = await jwtVerify(issueToken(secret, environment), key, { algorithms: ["HS256"] });
      assert.deepEqual(verified.payload, { ...CLAIMS, ProjectName: projectName });
      const theirs = new SignJWT({ ...CLAIMS, ProjectName: projectName }).setProtectedHeader({ alg: "HS256" })
        .setIssuedAt(NOW - 1).setNotBefore(NOW).setExpirationTime(NOW + 1);
      assert.deepEqual(ours(await theirs.sign(key)), environment);
    }
  }
});

Deno.test("Tokens of the current and the previous secret are accepted, and of no other", () => {
  const secrets = ["the new secret", "the old secret"];
  const verifier = createVerifier({ secrets, clock: CLOCK });
  for (const secret of secrets) {
    assert.deepEqual(verifier(issueToken(secret, ENVIRONMENT)), ENVIRONMENT);
  }
  assert.equal(refusal(issueToken("a third secret", ENVIRONMENT), verifier).code, "token-signature");
});

Deno.test("Good tokens are accepted in every form that they may have", () => {
  const tokens: Readonly<Record<string, string>> = {
    "ours": issueToken(SECRET, ENVIRONMENT),
    "no typ": sign({ alg: "HS256" }, CLAIMS),
    "typ in lower case, and in another order": sign({ typ: "jwt", alg: "HS256" }, CLAIMS),
    "header fields that we don't know": sign({ ...HEADER, kid: "1", jwk: { alg: "none" } }, CLAIMS),
    "claims that we don't know": sign(HEADER, { ...CLAIMS, iat: "x", aud: [{ a: 1 }] }),
    "white space within JSON": sign('{ "alg" : "HS256" }', ` ${JSON.stringify(CLAIMS, null, 2)}\n`),
    "names written with escapes": sign('{"\\u0061lg":"HS256"}', CLAIMS),
    "strings that look like structure": sign(HEADER, { "a:{": '"a":{[,\\', ...CLAIMS, "\\": '\\":' }),
    "one name twice, but not at the top": sign(HEADER, claimsAnd('"x":[{"a":1,"a":2}],"a":{"a":1}')),
    "bits to spare, all zero": signText(`${LOOSE.header}.${LOOSE.payload}`, { secret: SECRET }),
    "exp in a second": sign(HEADER, { ...CLAIMS, exp: NOW + 1 }),
    "exp in half a second": sign(HEADER, { ...CLAIMS, exp: NOW + 0.5 }),
    "nbf now": sign(HEADER, { ...CLAIMS, nbf: NOW }),
    "nbf before 1970": sign(HEADER, { ...CLAIMS, nbf: -1 }),
    "as long as a token may be": sign(HEADER, { ...CLAIMS, x: "x".repeat(5985) }),
  };
  for (const [name, token] of Object.entries(tokens)) assert.deepEqual(verify(token), ENVIRONMENT, name);
  assert.equal(tokens["as long as a token may be"]!.length, 8192);
});

Deno.test("Empty names are accepted where Lagoon allows them, and unicode but for control characters", () => {
  for (const name of ["", "é", "日本", "😀", "\u00a0\u2028\ufeff\u200b"]) {
    const token = sign(HEADER, { ...CLAIMS, ProjectName: name, EnvironmentName: name });
    assert.deepEqual(verify(token), { ...ENVIRONMENT, projectName: name, environmentName: name });
  }
});

const ATTACKS = tokenAttacks({ secret: SECRET, now: NOW });

for (const [code, tokens] of Object.entries(ATTACKS)) {
  Deno.test(`Refused as ${code}, and without a word of token or secret: ${Object.keys(tokens).length} attacks`, () => {
    for (const [name, token] of Object.entries(tokens)) {
      const error = refusal(token);
      assert.equal(error.code, code, name);
      const told = inspect(error, { depth: 10, showHidden: true });
      const words = [SECRET, "victim", "proj-main", ...token.split(/[.\s,]+/)];
      for (const word of words) assert(word.length < 6 || !told.includes(word), `${name}: ${told}`);
      assert.deepEqual(Object.keys(error).sort(), ["code", "name"]);
    }
  });
}

Deno.test("The limit of length is the one that the attacks are made for", () => {
  assert.equal(ATTACKS["token-malformed"]?.["a character too long"]?.length, 8193);
});

Deno.test("A token is refused at any length but its own", () => {
  const token = issueToken(SECRET, ENVIRONMENT);
  for (let length = 0; length < token.length; length++) refusal(token.slice(0, length));
  for (let length = 1; length < token.length; length++) refusal(token.slice(length));
});

Deno.test("A token is told as expired, or as early, only to those who have a signed one", () => {
  for (const claims of [{ ...CLAIMS, exp: 1 }, { ...CLAIMS, nbf: NOW + 1 }, {}]) {
    const token = sign(HEADER, claims, { secret: "another secret" });
    assert.equal(refusal(token).code, "token-signature");
  }
});

Deno.test("The time is asked for at each token", () => {
  let now = NOW * 1000;
  const verifier = createVerifier({ secrets: [SECRET], clock: { now: () => now } });
  const token = sign(HEADER, { ...CLAIMS, exp: NOW + 1 });
  assert.deepEqual(verifier(token), ENVIRONMENT);
  now += 999;
  assert.deepEqual(verifier(token), ENVIRONMENT);
  now += 1;
  assert.equal(refusal(token, verifier).code, "token-expired");
});

/** A copy of lib/tokens.ts on counting_crypto.ts: what it asks of that tells more, and more surely, than time. */
async function countedVerifier(secrets: readonly string[]) {
  const lib = new URL("../../lib/", import.meta.url);
  const counting = new URL("../fixtures/counting_crypto.ts", import.meta.url);
  const source = await Deno.readTextFile(new URL("tokens.ts", lib));
  const copy = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const counted = source.replace("node:crypto", counting.href).replace("./hmac.ts", counting.href);
    await Deno.writeTextFile(copy, counted.replaceAll('"./', `"${lib}`));
    const tokens: { createVerifier: typeof createVerifier } = await import(`file://${copy}`);
    const { asked } = await import(counting.href) as { asked: string[] };
    return { verifier: tokens.createVerifier({ secrets, clock: CLOCK }), asked };
  } finally {
    await Deno.remove(copy);
  }
}

Deno.test("Whichever secret has signed, and wherever a signature is wrong, the same work is done", async () => {
  const secrets = ["first secret", "second secret", "third secret"];
  const { verifier, asked } = await countedVerifier(secrets);
  const [head, payload, signature] = sign(HEADER, CLAIMS, { secret: secrets[1]! }).split(".");
  const flipped = (index: number) => {
    const bytes = Buffer.from(signature!, "base64url");
    bytes[index]! ^= 1;
    return `${head}.${payload}.${bytes.toString("base64url")}`;
  };
  const work = secrets.flatMap((secret) => [`sha256 with ${secret}`, "compare 32 bytes"]);
  for (const secret of secrets) {
    asked.length = 0;
    assert.deepEqual(verifier(sign(HEADER, CLAIMS, { secret })), ENVIRONMENT);
    assert.deepEqual(asked, work);
  }
  for (const token of [sign(HEADER, CLAIMS, { secret: "another secret" }), flipped(0), flipped(31)]) {
    asked.length = 0;
    assert.throws(() => verifier(token), { code: "token-signature" });
    assert.deepEqual(asked, work);
  }
  asked.length = 0;
  assert.throws(() => verifier(`${"x".repeat(8193)}.${payload}.${signature}`), { code: "token-malformed" });
  assert.deepEqual(asked, [], "a token that is too long costs nothing");
});

Deno.test("A token that came lately costs no work again; of many, those that came longest ago do", async () => {
  const { verifier, asked } = await countedVerifier([SECRET]);
  const tokens = Array.from(
    { length: 1025 },
    (_, index) => issueToken(SECRET, { ...ENVIRONMENT, environmentId: String(index) }),
  );
  const hashesFor = (token: string) => {
    asked.length = 0;
    verifier(token);
    return asked.filter((line) => line.startsWith("sha256")).length;
  };
  const [first = "", second = "", ...others] = tokens;
  assert.deepEqual([first, second, first].map(hashesFor), [1, 1, 0]);
  for (const token of others) assert.equal(hashesFor(token), 1);
  assert.deepEqual([hashesFor(first), hashesFor(second)], [0, 1]);
  const long = sign(HEADER, { ...CLAIMS, x: "x".repeat(1024) });
  assert.deepEqual([hashesFor(long), hashesFor(long)], [1, 1], "a long one is not remembered");
});
