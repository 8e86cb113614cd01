import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { ParserFeed } from "../../../lib/http/parser_feed.ts";

/** A parser that knows only where a request ends: at an empty line, and with a body of `bodyBytes`. */
class Target {
  readonly slices: string[] = [];
  hasWholeRequest = false;
  isReadingBody = false;
  readonly feed = new ParserFeed(this);
  #bodyBytes: number;

  constructor(bodyBytes = 0) {
    this.#bodyBytes = bodyBytes;
  }

  parse(bytes: Buffer): void {
    this.slices.push(bytes.toString());
    const headEnd = bytes.indexOf("\r\n\r\n");
    if (this.isReadingBody) this.#bodyBytes -= bytes.length;
    else if (headEnd >= 0) {
      this.isReadingBody = true;
      this.#bodyBytes -= bytes.length - headEnd - 4;
    }
    if (this.isReadingBody && this.#bodyBytes <= 0) {
      this.isReadingBody = false;
      this.hasWholeRequest = true;
    }
  }

  push(text: string): void {
    this.feed.push(Buffer.from(text));
  }

  answer(): void {
    this.hasWholeRequest = false;
    this.feed.release();
  }
}

const HEAD = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

Deno.test("requests are parsed one by one, as they are answered", () => {
  const target = new Target();
  target.push(HEAD + HEAD + HEAD.slice(0, 5));
  target.push(HEAD.slice(5) + "GET");
  assert.deepEqual([target.slices, target.feed.isFull], [[HEAD], true]);
  target.answer();
  assert.deepEqual([target.slices, target.feed.isFull], [[HEAD, HEAD], true]);
  target.answer();
  assert.deepEqual(target.slices, [HEAD, HEAD, HEAD.slice(0, 5), HEAD.slice(5)]);
  target.answer();
  assert.deepEqual([target.slices.at(-1), target.feed.isFull], ["GET", false]);
});

Deno.test("a body is parsed in one piece with what was read of it, and with its head", () => {
  const target = new Target(100_000);
  const body = "x".repeat(50_000);
  target.push(HEAD + body);
  target.push(body);
  assert.deepEqual(target.slices, [HEAD + body, body]);
  target.push(HEAD);
  assert.equal(target.feed.isFull, true);
});

Deno.test("a body full of what ends heads doesn't make a slice of each", () => {
  const target = new Target(65_536);
  target.push(HEAD);
  target.push("\r\n\r\n".repeat(16_384));
  assert.ok(target.slices.length < 600);
  assert.equal(target.slices.join("").length, HEAD.length + 65_536);
});

Deno.test("empty lines before a head don't make a slice of each", () => {
  const target = new Target(Infinity);
  target.push("\r\n\r\n".repeat(4096));
  assert.ok(target.slices.length < 1100);
});

Deno.test("clear() forgets what waits", () => {
  const target = new Target();
  target.push(HEAD + HEAD);
  target.feed.clear();
  target.answer();
  assert.deepEqual([target.slices, target.feed.isFull], [[HEAD], false]);
});
