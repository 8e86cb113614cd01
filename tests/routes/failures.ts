/**
 * Triggers every documented failure, by its name in tests/tools/openapi/failures.ts, with the default limits.
 *
 * @module
 */
import { systemClock } from "../../lib/clock.ts";
import { OPTIONS } from "../../lib/config/options.ts";
import { issueToken } from "../../lib/tokens.ts";
import type { RequestLimits } from "../../routes/deps.ts";
import { parseAnswers, RawClient } from "../fixtures/raw_client.ts";
import { CLAIMS, forge, HEADER } from "../fixtures/tokens.ts";
import { startServerWith } from "../lib/http/fixture.ts";
import type { OperationId } from "../tools/openapi/failures.ts";
import { ENVIRONMENT, SECRET, type SendOptions, TestApp, TOKEN, tokenOf } from "./fixture.ts";

/** The response to a request. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
  /** The stable error code, if the response came from a route. */
  readonly code?: string;
}

/** Triggers a failure of an operation. */
export type Scenario = (operation: OperationId) => Promise<Answer>;

/** A request of each operation, without a body. */
export const REQUESTS: Readonly<Record<OperationId, string>> = {
  postFacts: "POST /facts",
  postProblems: "POST /problems",
  deleteFacts: "DELETE /facts/drush_pml",
  deleteFactsOfService: "DELETE /facts/drush_pml/cli",
  deleteProblems: "DELETE /problems/Shipshape",
  deleteProblemsOfService: "DELETE /problems/Shipshape/cli",
  getDescription: "GET /openapi.json",
};

const LIMITS = {
  maxBodyBytes: Number(OPTIONS.web.maxBodyBytes.defaultText),
  maxItems: Number(OPTIONS.web.maxItems.defaultText),
  maxItemBytes: Number(OPTIONS.web.maxItemBytes.defaultText),
  maxJsonDepth: Number(OPTIONS.web.maxJsonDepth.defaultText),
  maxLargeBodies: Number(OPTIONS.web.maxLargeBodies.defaultText),
  largeBodyWaitMs: Number(OPTIONS.web.largeBodyWaitMs.defaultText) * 1000,
};

/** Where the scenarios differ. */
interface Variation extends SendOptions {
  /** @default the program's defaults */
  readonly limits?: Partial<RequestLimits>;
  /** @default the operation's request in {@link REQUESTS} */
  readonly request?: (operation: OperationId) => string;
  /** Runs while the request waits. */
  readonly during?: (app: TestApp) => Promise<void>;
  /** Runs before the request. */
  readonly before?: (app: TestApp) => void | Promise<void>;
}

/** Sends the request to the app, without a connection. */
function app({ limits, request, before, during, ...options }: Variation): Scenario {
  return async (operation) => {
    const app = new TestApp({ ...LIMITS, ...limits });
    await before?.(app);
    const given = typeof options.body === "function" ? options.body() : options.body;
    const body = operation.startsWith("post") ? given ?? [] : undefined;
    const answering = app.send(request?.(operation) ?? REQUESTS[operation], { ...options, body });
    await during?.(app);
    const response = await answering;
    const line = app.log.lines.find(({ fields }) => fields.status === response.status);
    return {
      status: response.status,
      headers: response.headers,
      body: await response.json(),
      code: String(line?.fields.code),
    };
  };
}

/** Sends the request over a TCP connection. */
function wire(text: (request: string) => string): Scenario {
  return async (operation) => {
    const { fetch } = new TestApp();
    const server = await startServerWith(systemClock, fetch, { headerTimeoutMs: 200, requestTimeoutMs: 400 });
    await using _ = server;
    using client = await RawClient.sending(server.port, text(REQUESTS[operation]));
    await client.until(/\r\n\r\n.*\}/s);
    const [answer] = parseAnswers(client.text);
    if (answer === undefined) throw new Error(`No answer: ${client.text}`);
    return { ...answer, body: JSON.parse(answer.body) };
  };
}

function unauthorized(authorization: string | null): Scenario {
  return app({ authorization });
}

const badId = { authorization: issueToken(SECRET, { ...ENVIRONMENT, environmentId: "main" }) };
const item = { name: "n", identifier: "i" };
const manyItems = Array(LIMITS.maxItems + 1).fill(item);
const largeItem = [{ ...item, description: "x".repeat(LIMITS.maxItemBytes) }];
const megabytes = (count: number) =>
  Array.from({ length: 8 * count }, (_, index) => ({
    ...item,
    name: `${index}`,
    identifier: `${index}`,
    description: "x".repeat(60_000),
    category: "x".repeat(60_000),
    data: `"${"x".repeat(60_000)}"`,
  }));
/** A large body that never ends. */
const endless = () =>
  new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode(`["${"x".repeat(100_000)}`)),
  });
const path = (operation: OperationId) => REQUESTS[operation].split("/")[1];
const confirmNothing = (app: TestApp) => {
  app.publisher.beforeConfirm = () => new Promise(() => {});
};

/** The scenarios, by the failure's name. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  "body-json": app({ body: "[" }),
  "body-encoding": app({ body: new Uint8Array([0x5b, 0x22, 0xff, 0x22, 0x5d]) }),
  "body-not-gzip": app({ headers: { "content-encoding": "gzip" }, body: "[]" }),
  "encoding-unknown": app({ headers: { "content-encoding": "br" }, body: "[]" }),
  "facts-wrong": app({ body: {} }),
  "facts-twice": app({ body: '{"facts":[],"facts":[]}' }),
  "fact-wrong": app({ body: [item, item, item, { ...item, value: 8 }] }),
  "problems-wrong": app({ body: { problems: [] } }),
  "problem-wrong": app({ body: [{ identifier: "" }] }),
  "body-too-deep": app({ body: `[{"name":"n","more":${"[".repeat(31)}${"]".repeat(31)}}]` }),
  "environment-id": app(badId),
  "environment-id-deletion": app(badId),
  "path-malformed": app({ request: (operation) => `${REQUESTS[operation]}%ff` }),
  "not-ascii": wire((request) => `${request}é HTTP/1.1\r\nHost: x\r\n\r\n`),
  "not-http": wire((request) => `${request} HTTP/2.0\r\nHost: x\r\n\r\n`),
  "no-host": wire((request) => `${request} HTTP/1.1\r\n\r\n`),
  "unknown-target": wire((request) => `${request.replace(" /", " ftp://x/")} HTTP/1.1\r\nHost: x\r\n\r\n`),
  "token-missing": unauthorized(null),
  "token-malformed": unauthorized("a.b.c"),
  "token-algorithm": unauthorized(forge({ ...HEADER, alg: "none" }, CLAIMS, { secret: SECRET })),
  "token-signature": unauthorized(forge(HEADER, CLAIMS, { secret: "another secret" })),
  "token-claims": unauthorized(forge(HEADER, { ...CLAIMS, Namespace: 1 }, { secret: SECRET })),
  "token-expired": unauthorized(forge(HEADER, { ...CLAIMS, exp: 1 }, { secret: SECRET })),
  "not-found": app({ request: (operation) => `DELETE /${path(operation)}//cli` }),
  "method-not-allowed": app({ request: (operation) => `DELETE /${path(operation)}/` }),
  "request-timeout": wire((request) => `${request} HTTP/1.1\r\nHost: x\r\nAuthorization: `),
  "body-too-slow": app({
    body: endless,
    during: async (app) => {
      await app.untilTimers(1);
      await app.clock.advance(2000);
    },
  }),
  "body-too-large": app({ body: " ".repeat(LIMITS.maxBodyBytes + 1) }),
  "facts-too-many": app({ body: manyItems }),
  "problems-too-many": app({ body: manyItems }),
  "fact-too-large": app({ body: largeItem }),
  "problem-too-large": app({ body: largeItem }),
  "message-too-large": app({
    limits: { maxBodyBytes: 40_000_000 },
    body: megabytes(18),
  }),
  "expectation-failed": wire((request) => `${request} HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n`),
  "too-many-in-flight": app({
    limits: { maxInFlight: 1 },
    before: async (app) => {
      confirmNothing(app);
      app.send(REQUESTS.deleteFacts, { authorization: tokenOf("other") });
      await app.untilWaiting(1);
    },
  }),
  "too-many-large": app({
    body: endless,
    before: async (app) => {
      confirmNothing(app);
      for (let other = 0; other < LIMITS.maxLargeBodies; other++) {
        app.send("POST /facts", { body: megabytes(1), authorization: tokenOf(`other-${other}`) });
      }
      await app.untilWaiting(LIMITS.maxLargeBodies);
    },
    during: async (app) => {
      await app.untilTimers(1);
      await app.clock.advance(LIMITS.largeBodyWaitMs);
    },
  }),
  "head-too-large": wire((request) => `${request} HTTP/1.1\r\nHost: x\r\nX-A: ${"a".repeat(16_384)}\r\n\r\n`),
  "internal": app({
    before: ({ publisher }) => {
      publisher.beforeConfirm = () => {
        throw new TypeError("a bug");
      };
    },
  }),
  "unavailable": app({ before: ({ publisher }) => void (publisher.ready = false) }),
};

/** A successful request of an operation. */
export const SUCCESS: Scenario = async (operation) => {
  const app = new TestApp();
  const body = operation === "getDescription" || !operation.startsWith("post") ? undefined : [item];
  const response = await app.send(REQUESTS[operation], {
    body,
    authorization: operation === "getDescription" ? null : TOKEN,
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
};
