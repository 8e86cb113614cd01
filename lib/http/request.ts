/**
 * Node's request as a web request, as far as the routes use one. A real one takes a tenth of a small request's time and 10 kB,
 * most of it for headers that are never read.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";

/** Methods that a web request may not have. */
const FORBIDDEN_METHODS: readonly string[] = ["CONNECT", "TRACE", "TRACK"];

/**
 * Makes a request that has only method, URL (not normalized) and `headers.get()`. Its body is passed separately.
 *
 * @throws {TypeError} For a method or a target that a web request can't have.
 */
export function webRequest({ url = "", method = "", rawHeaders }: IncomingMessage): Request {
  if (FORBIDDEN_METHODS.includes(method)) throw new TypeError("Not a method");
  const request: Pick<Request, "method" | "url" | "body"> & { readonly headers: Pick<Headers, "get"> } = {
    method,
    url: urlOf(url),
    headers: new RawHeaders(rawHeaders),
    body: null,
  };
  return request as Request;
}

class RawHeaders {
  readonly #raw: readonly string[];

  /** @param raw Names and values alternate. */
  constructor(raw: readonly string[]) {
    this.#raw = raw;
  }

  /** All values of a name, as the web joins them. */
  get(name: string): string | null {
    const wanted = name.toLowerCase();
    let joined: string | null = null;
    for (let at = 0; at < this.#raw.length; at += 2) {
      const key = this.#raw[at] ?? "";
      if (key.length !== wanted.length || key.toLowerCase() !== wanted) continue;
      const value = this.#raw[at + 1] ?? "";
      joined = joined === null ? value : `${joined}, ${value}`;
    }
    return joined;
  }
}

/**
 * A path as it was sent: a web URL would read `\\` as `/` and resolve dot segments, and so name another source. There
 * are no fragments in requests, so a `#` is part of the path. Node's parser has rejected all but ASCII.
 */
function urlOf(target: string): string {
  // A proxy's form of a target, `http://host/path`.
  const origin = /^https?:\/\/[^/?#]+/i.exec(target)?.[0] ?? "";
  if (origin !== "") new URL(origin);
  const path = target.slice(origin.length);
  if (!path.startsWith("/") && origin === "") throw new TypeError("Not a path");
  return `http://localhost${path.startsWith("/") ? "" : "/"}${path.replaceAll("#", "%23")}`;
}
