/**
 * Prints the demo's output.
 *
 * @module
 */
import type { Message } from "./inbox.ts";

/** Formats the demo's output. */
export class Printer {
  readonly #print: (line: string) => void;
  #step = 0;

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  /** Begins a numbered step. */
  step(title: string): void {
    this.#print(`\n${++this.#step}. ${title}`);
  }

  info(text: string): void {
    this.#print(`   ${text}`);
  }

  /** Reports a check that passed. */
  passed(text: string): void {
    this.#print(`   ✓ ${text}`);
  }

  /** Prints a message, with long texts shortened. */
  message(message: Message): void {
    const text = JSON.stringify(message, shorten, 2);
    for (const line of text.split("\n")) this.#print(`     │ ${line}`);
  }
}

const MAX_TEXT_LENGTH = 100;

function shorten(_name: string, value: unknown): unknown {
  if (typeof value !== "string" || value.length <= MAX_TEXT_LENGTH) return value;
  return `${value.slice(0, 24)}… (${value.length.toLocaleString("en")} characters)`;
}
