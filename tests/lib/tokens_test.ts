import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { inspect } from "node:util";
import { issueToken, TokenError, verifyToken } from "../../lib/tokens.ts";

const SECRET = "0123456789";
const ENVIRONMENT = {
  namespace: "proj-main",
  environmentId: "3",
  projectName: "proj",
  environmentName: "main",
};
const CLAIMS = { EnvironmentId: "3", EnvironmentName: "main", Namespace: "proj-main", ProjectName: "proj" };
const HEADER = { alg: "HS256", typ: "JWT" };

/** Signs without our code, so that a test can make tokens that we would never issue. */
function sign(header: unknown, claims: unknown, { secret = SECRET, hash = "sha256" } = {}): string {
  const segment = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const input = `${segment(header)}.${segment(claims)}`;
  return `${input}.${createHmac(hash, secret).update(input).digest("base64url")}`;
}

function decodePayload(token: string): string {
  return Buffer.from(token.split(".")[1]!, "base64url").toString();
}

async function refusal(token: string, secrets = [SECRET]): Promise<TokenError> {
  try {
    await verifyToken(secrets, token);
  } catch (error) {
    assert(error instanceof TokenError, inspect(error));
    return error;
  }
  assert.fail("The token was accepted");
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

Deno.test("issueToken() escapes what Go's JSON encoder escapes", async () => {
  const token = issueToken(SECRET, { ...ENVIRONMENT, projectName: "a<b>&\u2028\u2029é" });
  assert(decodePayload(token).endsWith('"ProjectName":"a\\u003cb\\u003e\\u0026\\u2028\\u2029é"}'));
  assert.equal((await verifyToken([SECRET], token)).projectName, "a<b>&\u2028\u2029é");
});

Deno.test("issueToken() refuses an empty secret", () => {
  assert.throws(() => issueToken("", ENVIRONMENT), TypeError);
});

Deno.test("verifyToken() gives back the environment that a token was issued for", async () => {
  assert.deepEqual(await verifyToken([SECRET], issueToken(SECRET, ENVIRONMENT)), ENVIRONMENT);
  assert.deepEqual(await verifyToken([SECRET], sign(HEADER, { ...CLAIMS, iat: 1 })), ENVIRONMENT);
});

Deno.test("verifyToken() accepts tokens of the current and the previous secret, and of no other", async () => {
  const secrets = ["the new secret", "the old secret"];
  for (const secret of secrets) {
    assert.deepEqual(await verifyToken(secrets, issueToken(secret, ENVIRONMENT)), ENVIRONMENT);
  }
  const { code } = await refusal(issueToken("a third secret", ENVIRONMENT), secrets);
  assert.equal(code, "token-signature");
});

Deno.test("verifyToken() says what is wrong with a token", async () => {
  const inAnHour = Date.now() / 1000 + 3600;
  const valid = sign(HEADER, CLAIMS);
  const [header, payload, signature] = valid.split(".");
  const cases: [string, string][] = [
    ["", "token-missing"],
    ["garbage", "token-malformed"],
    ["a.b", "token-malformed"],
    ["a.b.c", "token-malformed"],
    [`${header}.${payload}.`, "token-malformed"],
    [`${valid}\n`, "token-malformed"],
    [`${valid}=`, "token-malformed"],
    [
      `${header}.${Buffer.from('{"Namespace":"other"}').toString("base64url")}.${signature}`,
      "token-signature",
    ],
    [sign({ alg: "HS512", typ: "JWT" }, CLAIMS, { hash: "sha512" }), "token-algorithm"],
    [sign({ alg: "none", typ: "JWT" }, CLAIMS), "token-algorithm"],
    [`${sign({ alg: "none" }, CLAIMS).split(".", 2).join(".")}.`, "token-malformed"],
    [sign(HEADER, [CLAIMS]), "token-malformed"],
    [sign({ ...HEADER, crit: ["b64"], b64: false }, CLAIMS), "token-malformed"],
    [sign(HEADER, { ...CLAIMS, exp: 1 }), "token-expired"],
    [sign(HEADER, { ...CLAIMS, exp: "never" }), "token-claims"],
    [sign(HEADER, { ...CLAIMS, nbf: inAnHour }), "token-claims"],
    [sign(HEADER, {}), "token-claims"],
    [sign(HEADER, { ...CLAIMS, Namespace: "" }), "token-claims"],
    [sign(HEADER, { ...CLAIMS, EnvironmentId: "" }), "token-claims"],
    [sign(HEADER, { ...CLAIMS, EnvironmentId: 3 }), "token-claims"],
    [sign(HEADER, { ...CLAIMS, ProjectName: null }), "token-claims"],
  ];
  for (const [token, code] of cases) assert.equal((await refusal(token)).code, code, token);
  assert.deepEqual(await verifyToken([SECRET], sign(HEADER, { ...CLAIMS, exp: inAnHour })), ENVIRONMENT);
});

Deno.test("verifyToken() never repeats a token, its claims or a secret in an error", async () => {
  const named = { ...CLAIMS, Namespace: "tenant-main" };
  for (
    const token of [
      sign(HEADER, named, { secret: "another secret" }),
      sign(HEADER, { ...named, exp: 1 }),
      sign(HEADER, { ...named, nbf: "tenant-main" }),
      sign({ alg: "tenant-main" }, named),
      `tenant-main.${SECRET}.x`,
    ]
  ) {
    const error = await refusal(token);
    const told = inspect(error, { depth: 10, showHidden: true });
    for (const secret of [SECRET, "tenant-main", ...token.split(".").filter((part) => part.length > 5)]) {
      assert(!told.includes(secret), told);
    }
  }
});
