/**
 * Rules that every post must satisfy, and the outcomes that a body allows: from docs/protocol.md, not from our code.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Environment } from "../../lib/lagoon.ts";
import { issueToken } from "../../lib/tokens.ts";
import { assertStored } from "../fixtures/core_rules.ts";
import { assertAcceptable } from "../fixtures/handler_rules.ts";
import { type List, SENTINEL, SENTINEL_NUMBER } from "./bodies.ts";
import { ENVIRONMENT, SECRET, TestApp } from "./fixture.ts";

const LIMITS = { maxBodyBytes: 1_000_000, maxItems: 6, maxJsonDepth: 5 };

const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  "okay": 200,
  "body-json": 400,
  "body-encoding": 400,
  "body-too-deep": 400,
  "body-invalid": 400,
  "environment-id": 400,
  "too-many-items": 413,
};

/** The outcome of a request. */
export interface Outcome {
  /** `okay`, or the error code. */
  readonly code: string;
  /** The published message. */
  readonly message?: Record<string, unknown>;
}

/** Posts a body, and asserts what must be true of every post. */
export async function post(
  list: List,
  body: string | Uint8Array,
  environment = ENVIRONMENT,
): Promise<Outcome> {
  const app = new TestApp(LIMITS);
  const response = await app.send(`POST /${list}`, { body, authorization: issueToken(SECRET, environment) });
  const answer = await response.text();
  const output = answer + JSON.stringify(app.log.lines);
  for (const secret of [SENTINEL, SENTINEL_NUMBER]) assert(!output.includes(secret), output);
  assert.deepEqual(app.log.lines.filter(({ level }) => level === "error" || level === "warn"), []);
  if (response.status === 200) {
    const { message: okay, warnings = [] } = JSON.parse(answer);
    assert.equal(okay, "okay");
    for (const warning of warnings) assert.match(warning, /^(facts|problems)\[\d+\]\.\w+: |^and \d+ more$/);
    assert.equal(app.publisher.messages.length, 1);
    assertMessage(list, app.publisher.messages[0]!.body, environment);
    return { code: "okay", message: app.publisher.bodies[0]! };
  }
  assert.deepEqual(app.publisher.messages, []);
  const { status, message, ...more } = JSON.parse(answer);
  assert.deepEqual([typeof status, typeof message, more], ["string", "string", {}]);
  const code = String(app.log.lines[0]!.fields.code);
  assert.equal(response.status, STATUS_BY_CODE[code], answer);
  if (code === "body-invalid") assertNamesFields(message);
  return { code };
}

function assertMessage(list: List, body: Uint8Array, environment: Environment): void {
  assertAcceptable(body);
  assertStored(body);
  const message = JSON.parse(new TextDecoder().decode(body));
  const { projectName, environmentName } = environment;
  const id = Number(environment.environmentId);
  const { [list]: items, ...header } = message;
  assert.deepEqual(header, { environment: id, projectName, environmentName, type: `direct.${list}` });
  const own = list === "facts"
    ? { environment: String(id), projectName, environmentName }
    : { environment: id, projectName: undefined, environmentName: undefined };
  for (const item of items) {
    assert.deepEqual(
      { environment: item.environment, projectName: item.projectName, environmentName: item.environmentName },
      own,
    );
    const foreign = Object.keys(item).filter((field) => !KNOWN_FIELDS[list].includes(field));
    assert.deepEqual(foreign, []);
  }
}

const KNOWN_FIELDS: Readonly<Record<List, readonly string[]>> = {
  facts: [
    ...["environment", "projectName", "environmentName", "name", "value", "source", "description", "type"],
    ...["category", "service"],
  ],
  problems: [
    ...["environment", "identifier", "version", "fixedVersion", "source", "service", "data", "severity"],
    ...["severityScore", "associatedPackage", "description", "links"],
  ],
};

function assertNamesFields(message: string): void {
  for (const mistake of message.split("; ")) {
    assert.match(mistake, /^(body|facts|problems)(\[\d+\])?(\.\w+)?: |^and (at least )?\d+ more$/);
  }
}

/**
 * The outcome codes that a body allows. Bodies are validated while they arrive, so any one of several mistakes may be
 * reported. Mistakes in items are reported together, once the whole list was read.
 */
export function expectedCodes(list: List, body: string | Uint8Array): string[] {
  let parsed: unknown;
  let text: string;
  try {
    text = typeof body === "string" ? body : new TextDecoder("utf-8", { fatal: true }).decode(body);
    parsed = JSON.parse(text);
  } catch (error) {
    const before = ["body-json", "body-too-deep", "too-many-items", "body-invalid"];
    return error instanceof SyntaxError ? before : ["body-encoding", ...before];
  }
  const isWrapped = list === "facts" && isObject(parsed) && "facts" in parsed;
  const items = isWrapped && isObject(parsed) ? parsed.facts : parsed;
  const isTwice = isWrapped && text.split(/"facts"\s*:/).length > 2;
  const beyond = [
    ...(depthOf(text) > LIMITS.maxJsonDepth ? ["body-too-deep"] : []),
    ...(items !== null && !Array.isArray(items) || isTwice ? ["body-invalid"] : []),
    // If the first of two lists is too long, that is reported before the second one arrives.
    ...(Array.isArray(items) && items.length > LIMITS.maxItems || isTwice ? ["too-many-items"] : []),
  ];
  // The apparent second list may be nested in another member, or part of a string.
  if (beyond.length > 0 && !isTwice) return beyond;
  const usable = !Array.isArray(items) || items.every((item) => isUsable(list, item));
  return [...beyond, usable ? "okay" : "body-invalid"];
}

function isUsable(list: List, item: unknown): boolean {
  if (!isObject(item)) return false;
  const required = item[list === "facts" ? "name" : "identifier"];
  if (typeof required !== "string" || required === "") return false;
  return KNOWN_FIELDS[list].every((field) => {
    const value = Object.hasOwn(item, field) ? item[field] : undefined;
    if (["environment", "projectName", "environmentName"].includes(field)) return true;
    if (value === undefined || value === null) return true;
    return field === "severityScore" ? Number.isFinite(value) : typeof value === "string";
  });
}

/** True for objects other than arrays and null. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The nesting depth of valid JSON text. It counts duplicate fields, which JSON.parse would drop. */
function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  for (const character of json.replace(/"(?:[^"\\]|\\.)*"/g, "")) {
    if ("[{".includes(character)) deepest = Math.max(deepest, ++depth);
    if ("]}".includes(character)) depth--;
  }
  return deepest;
}
