/**
 * Generators of request bodies, from valid ones to noise. They generate JSON text instead of values, because text can
 * contain what values cannot: duplicate fields, `__proto__`, numbers out of range.
 *
 * @module
 */
import fc from "fast-check";
import { Buffer } from "node:buffer";

/** Part of many strings in the bodies. It must not appear in any response or log line. */
export const SENTINEL = "sEnTiNeL";

/** A number for the same purpose. */
export const SENTINEL_NUMBER = "31337001";

/** The two lists, as named in the path. */
export type List = "facts" | "problems";

const FIELDS: Readonly<Record<List, readonly string[]>> = {
  facts: ["name", "value", "source", "description", "type", "category", "service"],
  problems: [
    ...["identifier", "version", "fixedVersion", "source", "service", "data", "severity", "severityScore"],
    ...["associatedPackage", "description", "links"],
  ],
};

/** Fields that would name another environment, or stop the handler, if they got into a message. */
const HOSTILE_FIELDS = [
  ...["environment", "projectName", "environmentName", "project", "namespace", "type", "Type", "ENVIRONMENT"],
  ...[
    "payload",
    "binaryPayload",
    "labels",
    "__proto__",
    "constructor",
    "toString",
    "then",
    "length",
    "",
    SENTINEL,
  ],
];
const HOSTILE_VALUES = [
  ...['"sbom"', '"direct"', '"direct.delete.facts"', "9", '"9"', "{}", "[]", "null"],
  ...['{"lagoon.sh/insightsType":"sbom"}', `{"a":"${SENTINEL}"}`, `{"type":"${SENTINEL}"}`],
  // JavaScript can't compare these or convert them to a string.
  ...['{"toString":null}', '{"valueOf":1,"toString":1}'],
];
const NUMBERS = [
  ...["0", "-0", "-0.0", "1", "-1", "0.7", "1e21", "5e-324", "1e-400", "1e999", "-1e999", SENTINEL_NUMBER],
  ...["9007199254740993", "123456789012345678901234567890", "-9223372036854775809", "1.7976931348623157e308"],
];

/** Any text; many contain the sentinel, lone surrogates or control characters. */
const text = fc.oneof(
  { weight: 4, arbitrary: fc.string({ maxLength: 8 }).map((more) => SENTINEL + more) },
  { weight: 4, arbitrary: fc.string({ unit: "binary", maxLength: 8 }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom("n", "m", "\ud800", "a\udc00b", "\u0000\u001f\u007f", '{"a":[1]}'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom("high", "LOW", "InsightsRemoteWebService", "__proto__", "{}", "null"),
  },
  { weight: 1, arbitrary: fc.nat(400).map((length) => "😀x".repeat(length)) },
);
const filledText = text.map((value) => value === "" ? "n" : value);
const string = text.map((value) => JSON.stringify(value));

/** Any JSON document, including ones that exceed the limits of the tests. */
export const anyJson: fc.Arbitrary<string> = fc.letrec<{ json: string }>((tie) => ({
  json: fc.oneof(
    { depthSize: "medium", withCrossShrink: true },
    fc.constantFrom("null", "true", "false", ...HOSTILE_VALUES),
    fc.oneof(fc.constantFrom(...NUMBERS), fc.double({ noNaN: true, noDefaultInfinity: true }).map(String)),
    string,
    fc.array(tie("json"), { maxLength: 8 }).map((items) => `[${items.join()}]`),
    fc.array(fc.tuple(fc.oneof(text, fc.constantFrom("facts", ...HOSTILE_FIELDS)), tie("json")), {
      maxLength: 6,
    })
      .map(objectOf),
  ),
})).json;

/** A list with the right fields, whose values may be wrong, and with unknown fields that must have no effect. */
export function nearlyValid(list: List): fc.Arbitrary<string> {
  return listOf(list, {
    value: fc.oneof({ weight: 12, arbitrary: string }, { weight: 1, arbitrary: anyJson }),
    required: fc.oneof(
      { weight: 30, arbitrary: filledText.map((name) => JSON.stringify(name)) },
      { weight: 1, arbitrary: fc.constantFrom('""', "null", '{"length":{"toString":null}}') },
      { weight: 1, arbitrary: anyJson },
    ),
    score: fc.oneof(fc.constantFrom(...NUMBERS), anyJson),
  });
}

/** A list that must be accepted. */
export function valid(list: List): fc.Arbitrary<string> {
  return listOf(list, {
    value: fc.oneof({ weight: 9, arbitrary: string }, fc.constant("null")),
    required: filledText.map((name) => JSON.stringify(name)),
    score: fc.oneof(fc.constantFrom("null", "0", "-0", "0.7", "1e21"), fc.integer().map(String)),
  });
}

/** Bytes: noise, and damaged bodies. */
export function broken(list: List): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  const change = fc.record({
    body: fc.oneof(valid(list), nearlyValid(list), anyJson),
    at: fc.nat(1000),
    length: fc.nat(4),
    insert: fc.constantFrom(
      ...[
        "",
        "",
        ",",
        ",,",
        "]",
        "[",
        "{",
        "}",
        '"',
        "\\",
        "\\u",
        "\\x",
        "\n",
        "\u0000",
        "\ufeff",
        "NaN",
        "-",
        "01",
      ],
      ...[
        "Infinity",
        "undefined",
        "// comment\n",
        "/* */",
        "'",
        "+1",
        "1.",
        "0x1",
        "\u00a0",
        '"name":"n",',
        "[]",
      ],
    ),
  }).map(({ body, at, length, insert }) => {
    const start = at % (body.length + 1);
    return utf8(body.slice(0, start) + insert + body.slice(start + length));
  });
  const whole = fc.tuple(valid(list), fc.nat(6)).map(([body, kind]) => whollyChanged(body, kind));
  const bytes = fc.uint8Array({ maxLength: 30 }).map((noise) => new Uint8Array(noise));
  const spliced = fc.tuple(valid(list), fc.uint8Array({ minLength: 1, maxLength: 3 }), fc.nat(300)).map(
    ([body, noise, at]) => new Uint8Array([...utf8(body.slice(0, at)), ...noise, ...utf8(body.slice(at))]),
  );
  return fc.oneof({ weight: 6, arbitrary: change }, { weight: 2, arbitrary: whole }, bytes, spliced);
}

function whollyChanged(body: string, kind: number): Uint8Array<ArrayBuffer> {
  const utf16 = new Uint8Array(Buffer.from(body, "utf16le"));
  const changed = [
    utf16,
    new Uint8Array([0xff, 0xfe, ...utf16]),
    utf8(`\ufeff${body}`),
    utf8(`\ufeff\ufeff${body}`),
    utf8(body + body),
    utf8(body.slice(0, -1)),
    utf8(JSON.stringify(body)),
  ];
  return changed[kind]!;
}

/** Generators for the values of an item's fields, as JSON. */
interface Values {
  readonly value: fc.Arbitrary<string>;
  readonly required: fc.Arbitrary<string>;
  readonly score: fc.Arbitrary<string>;
}

function listOf(list: List, values: Values): fc.Arbitrary<string> {
  const hostile = fc.array(
    fc.tuple(fc.constantFrom(...HOSTILE_FIELDS), fc.oneof(fc.constantFrom(...HOSTILE_VALUES), string)),
    { maxLength: 3 },
  ).map((members) => members.filter(([field]) => !FIELDS[list].includes(field)));
  const [requiredField = "", ...optionalFields] = FIELDS[list];
  const optional = optionalFields.map((field) => {
    const value = field === "severityScore" ? values.score : values.value;
    return fc.option(value, { nil: undefined }).map((json) =>
      json === undefined ? [] : [[field, json] as const]
    );
  });
  const item = fc.tuple(values.required, fc.tuple(...optional), hostile).map(([required, fields, more]) =>
    objectOf([...more, [requiredField, required], ...fields.flat()])
  );
  const array = fc.array(item, { maxLength: 4 }).map((items) => `[${items.join()}]`);
  if (list === "problems") return fc.oneof({ weight: 20, arbitrary: array }, fc.constant("null"));
  const wrapped = fc.tuple(hostile, fc.oneof({ weight: 20, arbitrary: array }, fc.constant("null")), hostile)
    .map(([before, facts, after]) => objectOf([...before, ["facts", facts], ...after]));
  return fc.oneof(array, wrapped);
}

function objectOf(members: readonly (readonly [name: string, json: string])[]): string {
  return `{${members.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join()}}`;
}

function utf8(body: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(body);
}
