/**
 * Follows a JSON document token by token: checks its grammar, and knows where in it the current position is.
 *
 * @module
 */
import { type ParsedTokenInfo, TokenParser, TokenType } from "@streamparser/json";

/** Where a value is: its index or member name, and the number of arrays and objects around it. */
export interface JsonPlace {
  readonly key: string | number | undefined;
  readonly depth: number;
}

/** An array or object that is open, and the position in it. */
interface Level {
  readonly isArray: boolean;
  key: string | number | undefined;
}

const PLACEHOLDER = { token: TokenType.NULL, value: null } as const;
const ANY_ELEMENT = "[*]";
const ANY_MEMBER = ".*";

/** The document around the values that paths select. */
export class Outline {
  readonly #paths: readonly (readonly string[])[];
  readonly #grammar: TokenParser;
  readonly #levels: Level[] = [];
  #expectsName = false;

  /** Starts before the document. */
  constructor(paths: readonly string[]) {
    this.#paths = paths.map((path) => path.match(/\[\*\]|\.[^.[]+/g) ?? []);
    this.#grammar = new TokenParser({ paths: [], keepStack: false });
  }

  /** Whether the document is complete. */
  get isEnded(): boolean {
    return this.#grammar.isEnded;
  }

  /** Where the next value is. */
  get place(): JsonPlace {
    return { key: this.#levels.at(-1)?.key, depth: this.#levels.length };
  }

  /** Whether a token starts a value; else it is punctuation, or the name of a member. */
  startsValue({ token }: ParsedTokenInfo): boolean {
    if (token === TokenType.COLON || token === TokenType.COMMA || isClosing(token)) return false;
    return !this.#expectsName;
  }

  /** Whether a value at the current position is selected. */
  isSelected(): boolean {
    const levels = this.#levels;
    return this.#paths.some((path) =>
      path.length === levels.length && path.every((segment, depth) => matches(segment, levels[depth]))
    );
  }

  /** Takes a token. */
  write(info: ParsedTokenInfo): void {
    this.#grammar.write(info);
    const { token, value } = info;
    const level = this.#levels.at(-1);
    if (isOpening(token)) {
      const isArray = token === TokenType.LEFT_BRACKET;
      this.#levels.push({ isArray, key: isArray ? 0 : undefined });
      this.#expectsName = !isArray;
    } else if (isClosing(token)) {
      this.#levels.pop();
      this.#expectsName = false;
    } else if (level && this.#expectsName) {
      level.key = String(value);
      this.#expectsName = false;
    } else if (level && token === TokenType.COMMA) {
      if (level.isArray) level.key = Number(level.key) + 1;
      else this.#expectsName = true;
    }
  }

  /** Takes a value whose tokens go elsewhere. */
  writeValue(): void {
    this.#grammar.write(PLACEHOLDER);
  }
}

function matches(segment: string, level: Level | undefined): boolean {
  if (level?.isArray) return segment === ANY_ELEMENT;
  return segment === ANY_MEMBER || segment === `.${level?.key}`;
}

/** Whether an array or object starts. */
export function isOpening(token: TokenType): boolean {
  return token === TokenType.LEFT_BRACE || token === TokenType.LEFT_BRACKET;
}

/** Whether an array or object ends. */
export function isClosing(token: TokenType): boolean {
  return token === TokenType.RIGHT_BRACE || token === TokenType.RIGHT_BRACKET;
}
