import assert from "node:assert/strict";
import fc from "fast-check";
import { splitList } from "../../../lib/kube/list_items.ts";

const HEAD = '{"kind":"SecretList","apiVersion":"v1","metadata":{"resourceVersion":"7","continue":"abc"},';
/** Of an object that was written twice, with what is hard in it: quotes and backslashes, arrays, and braces in texts. */
const MANAGED_FIELDS = [{
  manager: 'a"b\\',
  fieldsV1: { 'k:{"uid":"x]}"}': { ".": {}, "f:list": [[], ["\\\\"]] } },
}, { manager: "c" }];

function listOf(...items: readonly unknown[]): string {
  return `${HEAD}"items":${JSON.stringify(items)}}\n`;
}

Deno.test("A list's items and metadata are as JSON.parse() gives them", () => {
  fc.assert(fc.property(fc.array(fc.dictionary(fc.string(), fc.jsonValue())), (objects) => {
    const { metadata, items } = splitList(listOf(...objects));
    assert.deepEqual([...items], JSON.parse(JSON.stringify(objects)));
    assert.deepEqual(metadata, { resourceVersion: "7", continue: "abc" });
  }));
});

Deno.test("A list may be written with spaces, and be empty", () => {
  const list = { metadata: { resourceVersion: "7" }, items: [{ a: [1, { b: "]" }] }, {}] };
  assert.deepEqual([...splitList(JSON.stringify(list, null, 2)).items], list.items);
  for (const items of ["[]", "null", "[ ]"]) {
    assert.deepEqual([...splitList(`${HEAD} "items" : ${items} }`).items], [], items);
  }
});

Deno.test("An object's managed fields are left out, wherever they stand in its metadata, and nothing else is", () => {
  const rest = {
    name: "a",
    labels: { managedFields: "label" },
    annotations: { note: '"managedFields":[1]' },
  };
  for (
    const metadata of [
      { ...rest, managedFields: MANAGED_FIELDS },
      { managedFields: MANAGED_FIELDS, ...rest },
      { name: "a", managedFields: MANAGED_FIELDS, labels: rest.labels, annotations: rest.annotations },
    ]
  ) {
    const object = { metadata, data: { managedFields: "data" }, spec: { inner: { managedFields: [1] } } };
    const [found, more] = splitList(listOf(object, { metadata: rest })).items;
    assert.deepEqual(found, { ...object, metadata: { ...rest, managedFields: [] } });
    assert.deepEqual(more, { metadata: rest });
  }
});

Deno.test("Wherever a list is cut off, that is told, and what came before is there", () => {
  const objects = [{ metadata: { name: 'a"\\', managedFields: MANAGED_FIELDS } }, {
    metadata: { name: "b" },
  }];
  const list = listOf(...objects);
  const first = list.indexOf(JSON.stringify(objects[1]));
  for (let length = 0; length < list.lastIndexOf("]"); length++) {
    const seen: unknown[] = [];
    assert.throws(
      () => {
        for (const object of splitList(list.slice(0, length)).items) seen.push(object);
      },
      SyntaxError,
      String(length),
    );
    assert.equal(seen.length > 0, length >= first - 1, String(length));
  }
});

Deno.test("What is no list, or holds no objects, is told without a word of it", () => {
  for (const text of ["", "{}", "<html>", `${HEAD}"items":{}}`]) {
    assert.throws(() => splitList(text), /no list/, text);
  }
  for (const item of ['"secret"', "secret", '{"secret":secret}', '{"secret"}']) {
    assert.throws(
      () => [...splitList(`${HEAD}"items":[${item}]}`).items],
      (error) => error instanceof SyntaxError && !/secret/.test(String(error.stack)),
      item,
    );
  }
});
