/**
 * How the demo tells what happens.
 *
 * @module
 */
import type { Message } from "./inbox.ts";

/** Prints one line. */
export type Print = (line: string) => void;

/** Tells the demo line by line. */
export class Story {
  readonly #print: Print;
  #chapter = 0;

  constructor(print: Print) {
    this.#print = print;
  }

  /** Begins a part of the story. */
  chapter(title: string): void {
    this.#print(`\n${++this.#chapter}. ${title}`);
  }

  /** Tells one thing. */
  tell(text: string): void {
    this.#print(`   ${text}`);
  }

  /** Tells one thing that was checked. */
  check(text: string): void {
    this.#print(`   ✓ ${text}`);
  }

  /** Shows a message, with payloads shortened. */
  show(message: Message): void {
    const text = JSON.stringify(message, shorten, 2);
    for (const line of text.split("\n")) this.#print(`     │ ${line}`);
  }
}

/** Longest text that is shown whole. */
const LONGEST_TEXT = 100;

function shorten(_name: string, value: unknown): unknown {
  if (typeof value !== "string" || value.length <= LONGEST_TEXT) return value;
  return `${value.slice(0, 24)}… (${value.length.toLocaleString("en")} characters)`;
}
