/**
 * The limit that the API server sets for a start: a process that reads lists page by page and only looks for the next page. It
 * uses none of the program's code.
 *
 * @module
 */

export interface RawListOptions {
  readonly url: string;
  /** PEM. */
  readonly caCertificate: string;
  readonly token: string;
  /** Read concurrently; the pages of a list are read one after the other. */
  readonly lists: readonly RawList[];
}

export interface RawList {
  /** With selector and limit. */
  readonly path: string;
  readonly accept: string;
}

export interface RawListFigures {
  /** From the first request to the end of the last response. */
  readonly seconds: number;
  /** Number of objects in each list. */
  readonly counts: readonly number[];
}

/**
 * Runs it in a separate process.
 *
 * @throws {Error} With the output of the process, if it fails.
 */
export async function measureRawLists(options: RawListOptions): Promise<RawListFigures> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-net", import.meta.url, JSON.stringify(options)],
    stdin: "null",
  }).output();
  if (!success) throw new Error(`Cannot measure the API server: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

async function readAll({ url, caCertificate, token, lists }: RawListOptions): Promise<RawListFigures> {
  // The program uses HTTP/1.1, too.
  using client = Deno.createHttpClient({ caCerts: [caCertificate], http2: false });
  const readPages = async ({ path, accept }: RawList) => {
    let count = 0;
    let next: string | undefined;
    do {
      const query = next ? `&continue=${encodeURIComponent(next)}` : "";
      const headers = { authorization: `Bearer ${token}`, accept, "accept-encoding": "identity" };
      const response = await fetch(`${url}${path}${query}`, { client, headers });
      if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
      const page = await response.json() as { metadata: { continue?: string }; items: unknown[] | null };
      count += page.items?.length ?? 0;
      next = page.metadata.continue;
    } while (next);
    return count;
  };
  const startedAt = performance.now();
  const counts = await Promise.all(lists.map(readPages));
  return { seconds: (performance.now() - startedAt) / 1000, counts };
}

if (import.meta.main) {
  const figures = await readAll(JSON.parse(Deno.args[0] ?? ""));
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(figures)));
}
