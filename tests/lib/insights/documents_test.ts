import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { constants, gunzipSync, gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { MAX_UNPACKED_BYTES, sendableDocument } from "../../../lib/insights/documents.ts";
import { readAsHandler } from "../../fixtures/handler_documents.ts";

const SBOM = { insightsType: "sbom-gz", service: "nginx" };
const IMAGE = { insightsType: "image-gz", service: "nginx" };

const TOOL = '{"type":"application","name":"insights-remote"}';
const TOOLS = `{"components":[${TOOL}]}`;
const COMPONENT = '{"type":"container","name":"nginx"}';
const GOOD = `"metadata":{"tools":{"components":[{"name":"trivy"}]},"component":{"name":"i"}}`;
/** Yields key facts, so that the handler goes on to what it logs. */
const PACKAGES = '"components":[{"type":"operating-system","name":"alpine","version":"3.19"}]';

/** Sends a document; checks that the handler survives it. */
async function send(bytes: Buffer, options: { insightsType: string; service: string }) {
  const document = await sendableDocument(bytes, options);
  readAsHandler(options.insightsType, document.bytes.toString("base64"));
  return document;
}

/** The text that is sent for a gzipped one, and the codes of its repairs. */
async function repaired(text: string, options = SBOM): Promise<[text: string, ...codes: string[]]> {
  const { bytes, repairs, unreadable } = await send(gzipSync(text), options);
  assert.equal(unreadable, undefined);
  return [gunzipSync(bytes).toString(), ...repairs];
}

/** Whether the document as it is would end the handler. */
function isPoison(text: string, { insightsType } = SBOM): boolean {
  try {
    readAsHandler(insightsType, gzipSync(text).toString("base64"));
    return false;
  } catch (error) {
    assert.match((error as Error).message, /^poison 4/);
    return true;
  }
}

/** Metadata of SBOMs that end the handler, what is sent instead, and the repairs. */
const SBOMS: readonly (readonly [before: string, after: string, ...codes: string[]])[] = [
  [
    '"metadata":{"tools":[{"vendor":"anchore","name":"syft","version":"0.35.1"}],"component":{"name":"i"}}',
    '"metadata":{"tools":{"components":[{"publisher":"anchore","name":"syft","version":"0.35.1","type":"application"}]},' +
    '"component":{"name":"i"}}',
    "tools",
  ],
  [
    '"metadata":{"component":{},"tools":[]}',
    `"metadata":{"component":{${COMPONENT.slice(1, -1)}},"tools":${TOOLS}}`,
    "component",
    "tools",
  ],
  [
    '"metadata":{"tools":{"components":[]},"component":{"name":"i"}}',
    `"metadata":{"tools":${TOOLS},"component":{"name":"i"}}`,
    "tools",
  ],
  [
    '"metadata":{"tools":{"services":[{"name":"s"}]},"component":{"name":"i"}}',
    `"metadata":{"tools":{"services":[{"name":"s"}],"components":[${TOOL}]},"component":{"name":"i"}}`,
    "tools",
  ],
  ['"metadata":{"tools":{}}', `"metadata":{"tools":${TOOLS},"component":${COMPONENT}}`, "tools", "component"],
  [
    '"metadata":{"tools":null,"component":null}',
    `"metadata":{"tools":${TOOLS},"component":${COMPONENT}}`,
    "tools",
    "component",
  ],
  [
    '"metadata":{"tools":{"components":null},"component":{"name":"i"}}',
    `"metadata":{"tools":${TOOLS},"component":{"name":"i"}}`,
    "tools",
  ],
  ['"metadata":{}', `"metadata":{"tools":${TOOLS},"component":${COMPONENT}}`, "tools", "component"],
  ['"metadata":null', `"metadata":{"tools":${TOOLS},"component":${COMPONENT}}`, "metadata"],
  // Of two members with one name Go takes the last; of two names that differ in case, the one in lower case.
  [`${GOOD},"metadata":null`, `${GOOD},"metadata":{"tools":${TOOLS},"component":${COMPONENT}}`, "metadata"],
  [
    `"METADATA":{"tools":null,"component":{"name":"i"}},"x":1`,
    `"METADATA":{"tools":${TOOLS},"component":{"name":"i"}},"x":1`,
    "tools",
  ],
  [
    '"metadata":{"tool\\u017F":[],"component":{"name":"i"}}',
    `"metadata":{"tool\\u017F":${TOOLS},"component":{"name":"i"}}`,
    "tools",
  ],
];

Deno.test("an SBOM that would end the handler is repaired; everything else in it stays, wherever metadata is", async () => {
  for (const [before, after, ...codes] of SBOMS) {
    for (
      const place of [
        (part: string) => `{${part},${PACKAGES}}\n`,
        (part: string) => ` {${PACKAGES} ,${part}}`,
      ]
    ) {
      assert.ok(isPoison(place(before)), before);
      assert.deepEqual(await repaired(place(before)), [place(after), ...codes]);
    }
  }
  const without = `{${PACKAGES}}`;
  assert.ok(isPoison(without));
  assert.deepEqual(await repaired(without), [
    `{${PACKAGES},"metadata":{"tools":${TOOLS},"component":${COMPONENT}}}`,
    "metadata",
  ]);
});

Deno.test("a variable of an image without = gets one at its end", async () => {
  const cases = [
    ['{"Env":["PATH=/x","FOO"]}', '{"Env":["PATH=/x","FOO="]}'],
    ['{"Env":[""]}', '{"Env":["="]}'],
    ['{"env":[null,"A\\u003d1","\\\\u003d"]}', '{"env":["=","A\\u003d1","\\\\u003d="]}'],
    [
      '{"Env":["A=1"],"ENV":["B"],"env":["C"],"En\\u0076":["D\\""]}',
      '{"Env":["A=1"],"ENV":["B="],"env":["C="],"En\\u0076":["D\\"="]}',
    ],
  ] as const;
  for (const [before, after] of cases) {
    assert.ok(isPoison(before, IMAGE), before);
    assert.deepEqual(await repaired(before, IMAGE), [after, "env"]);
  }
});

Deno.test("a document that the handler survives is sent byte for byte", async () => {
  const sboms = [
    `{${GOOD},${PACKAGES}}`,
    `{${GOOD}}{"metadata":null}`,
    `{"metadata":"text",${PACKAGES}}`,
    `{"metadata":{"tools":"syft","component":[]},${PACKAGES}}`,
  ];
  const images = [
    "{}",
    '{"Env":["A=","=",5]}',
    '{"Env":null}',
    '{"Env":{"A":""}}',
    '{"Config":{"Env":["A"]}}',
  ];
  for (const [texts, options] of [[sboms, SBOM], [images, IMAGE]] as const) {
    for (const text of texts) {
      // Another program's gzip, in two members.
      const bytes = Buffer.concat([
        gzipSync(text.slice(0, 5), { level: 9 }),
        gzipSync(text.slice(5), { level: 1 }),
      ]);
      assert.deepEqual(await send(bytes, options), { bytes, repairs: [] }, text);
    }
  }
});

Deno.test("JSON that is not gzipped is gzipped, and repaired", async () => {
  const good = await send(Buffer.from(` {${GOOD}}`), SBOM);
  assert.equal(gunzipSync(good.bytes).toString(), ` {${GOOD}}`);
  const poison = await send(Buffer.from('{"Env":["A"]}'), IMAGE);
  assert.deepEqual([gunzipSync(poison.bytes).toString(), poison.repairs], ['{"Env":["A="]}', ["env"]]);
});

Deno.test("what the handler can't read is sent as it is, and says why", async () => {
  const poison = gzipSync(`{"metadata":null,${PACKAGES}}`);
  const cases: [Buffer, RegExp][] = [
    [Buffer.from("PK\x03\x04"), /neither gzip nor a JSON object/],
    [Buffer.from("[1]"), /neither gzip nor a JSON object/],
    [Buffer.from([0x1f, 0x8b, 0]), /neither gzip nor a JSON object/],
    [Buffer.from('{"a":'), /cut off/],
    [Buffer.alloc(0), /cut off/],
    [gzipSync("[1]"), /not a JSON object/],
    [gzipSync('\ufeff{"a":1}'), /not a JSON object/],
    [poison.subarray(0, -20), /cut off/],
    [poison.subarray(0, 5), /cut off/],
    [gzipSync('{"metadata":null,"a":['), /cut off/],
  ];
  for (const [bytes, why] of cases) {
    const document = await send(bytes, SBOM);
    assert.equal(document.bytes, bytes);
    assert.deepEqual(document.repairs, []);
    assert.match(document.unreadable ?? "", why);
  }
});

Deno.test("a document whose gzip lacks only its end is read, as the handler reads it", async () => {
  const bytes = gzipSync('{"Env":["A"]}');
  const document = await send(bytes.subarray(0, -8), IMAGE);
  assert.equal(gunzipSync(document.bytes).toString(), '{"Env":["A="]}');
});

Deno.test("a document is refused if nobody can tell what the handler would read", async () => {
  const damaged = gzipSync(`{${GOOD},${PACKAGES}}`);
  damaged[30]! ^= 0xff;
  await assert.rejects(sendableDocument(damaged, SBOM), { code: "insights-document-damaged" });
  // zlib takes only what it knows of the head; Go ignores the rest.
  const unknownFlag = gzipSync('{"Env":["A"]}');
  unknownFlag[3] = 0x80;
  await assert.rejects(sendableDocument(unknownFlag, IMAGE), { code: "insights-document-damaged" });
  const large = gzipSync(
    Buffer.concat([Buffer.from(`{${GOOD},"x":"`), Buffer.alloc(MAX_UNPACKED_BYTES, "x")]),
  );
  await assert.rejects(sendableDocument(large, SBOM), { code: "insights-document-too-large" });
});

Deno.test("a document that would take long to repair is refused soon", async () => {
  const many = (text: string) => text.repeat(150_000);
  const sboms = [
    `{${many('"a":1,')}"b":1}`,
    `{${many('"metadata":null,')}"b":1}`,
    `{"metadata":{"tools":[${many("{},")}{}]}}`,
  ];
  for (const text of sboms) {
    await assert.rejects(sendableDocument(gzipSync(text), SBOM), { code: "insights-document-too-complex" });
  }
  await assert.rejects(sendableDocument(gzipSync(`{"env":[${many("null,")}""]}`), IMAGE), {
    code: "insights-document-too-complex",
  });
});

Deno.test("a document of a type in which the handler reads nothing is sent as it is, and gzipped if it is JSON", async () => {
  const raw = { insightsType: "raw", service: "nginx" };
  for (const bytes of [gzipSync('{"Env":["A"]}'), gzipSync("{}").subarray(0, 12)]) {
    assert.deepEqual(await send(bytes, raw), { bytes, repairs: [] });
  }
  const { bytes, repairs } = await send(Buffer.from('{"metadata":null}'), raw);
  assert.deepEqual([gunzipSync(bytes).toString(), repairs], ['{"metadata":null}', []]);
});

/** JSON around the members that the handler reads, as an attacker would write it. */
const names = [
  "metadata",
  "METADATA",
  "meta\\u0064ata",
  "tools",
  "Tools",
  "tool\u017f",
  "component",
  "COMPONENT",
];
const moreNames = ["components", "Component\\u0073", "services", "env", "Env", "x", "name"];
const { json } = fc.letrec<{ json: string }>((tie) => ({
  json: fc.oneof(
    { depthSize: "medium" },
    fc.constantFrom("null", "null", "1", '""', '"A"', '"A=1"', "[]", "{}", "true"),
    fc.array(tie("json"), { maxLength: 3 }).map((items) => `[${items.join(" , ")}]`),
    fc.array(fc.tuple(fc.constantFrom(...names, ...moreNames), tie("json")), { maxLength: 5 })
      .map((members) => `{${members.map(([name, value]) => `"${name}" :${value}`).join(",")}}`),
  ),
}));

Deno.test("no document that is sent ends the handler, whatever it is", async () => {
  let poisonCount = 0;
  const run = async (metadata: string, parts: readonly string[], options: typeof SBOM) => {
    const text = `{"metadata":${metadata}${parts.map((part) => `,${part}`).join("")}}`;
    const isHarmful = isPoison(text, options);
    const [sent, ...codes] = await repaired(text, options);
    if (isHarmful) poisonCount++;
    if (codes.length === 0) assert.equal(sent, text);
  };
  const member = fc.tuple(fc.constantFrom("metadata", "Metadata", "components", "Env", "env", "x"), json)
    .map(([name, value]) => `"${name}":${value}`);
  const members = fc.array(fc.oneof(member, fc.constant(PACKAGES)), { maxLength: 4 });
  await fc.assert(fc.asyncProperty(json, members, fc.constantFrom(SBOM, IMAGE), run), { numRuns: 1500 });
  assert.ok(poisonCount > 100, `${poisonCount}`);
});

Deno.test("a gzip stream that is cut anywhere is harmless", async () => {
  const packed = gzipSync(`{${PACKAGES},"metadata":{"tools":[{"vendor":"a"}]}}`);
  for (let length = 0; length < packed.length; length++) {
    await send(packed.subarray(0, length), SBOM);
    const flushed = gzipSync(`{"Env":["A","B"],"x":${length}}`, { finishFlush: constants.Z_SYNC_FLUSH });
    await send(flushed.subarray(0, length), IMAGE);
  }
});

Deno.test("SBOMs that scanners wrote before CycloneDX 1.5 end the handler, and reach it with their tools in the form of 1.5", async () => {
  const folder = new URL("../../fixtures/golden/sboms/", import.meta.url);
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (!name.endsWith(".json.gz")) continue;
    names.push(name);
    const packed = Buffer.from(await Deno.readFile(new URL(name, folder)));
    const text = gunzipSync(packed).toString();
    assert.ok(isPoison(text), name);
    const [sent, ...codes] = await repaired(text);
    assert.ok(!isPoison(sent), name);
    const [before, after] = [JSON.parse(text), JSON.parse(sent)];
    const toolsOf = ({ metadata }: typeof before) => metadata.tools.components ?? metadata.tools;
    assert.deepEqual(
      toolsOf(after).map(({ publisher, type: _type, ...tool }: Record<string, string>) => ({
        vendor: publisher,
        ...tool,
      })),
      toolsOf(before),
    );
    assert.ok(codes.includes("tools"), name);
    for (const document of [before, after]) {
      delete document.metadata.tools;
      if (codes.includes("component")) delete document.metadata.component;
    }
    assert.deepEqual(after, before);
  }
  assert.equal(names.length, 5);
});
