/**
 * Whatever is posted, Lagoon core's database refuses nothing of it, and has exactly what was posted where no warning says otherwise:
 * requests go through the whole program, and its messages to a real MariaDB with core's tables.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { EQUAL } from "../../lib/insights/collation.ts";
import { issueToken } from "../../lib/tokens.ts";
import {
  createCoreDatabase,
  type Deletion,
  needsDatabase,
  type PostedMessage,
} from "../fixtures/core_database.ts";
import { type Item, type List, requests } from "../fixtures/core_items.ts";
import { freePorts } from "../fixtures/ports.ts";
import { equalCharacters } from "../tools/collation.ts";
import { startProgram, WITHOUT_CLUSTER } from "../fixtures/program.ts";

const REQUESTS = Deno.env.get("CI") === "true" ? 10_000 : 1000;
const IN_FLIGHT = 8;
const LIMIT_MS = 240_000;
const SECRET = "a-secret-of-the-platform";
const DEFAULT_SOURCE = "InsightsRemoteWebService";

Deno.test({
  ...await needsDatabase("The database refuses nothing, and has everything that no warning is about"),
  fn: async () => {
    await using database = await createCoreDatabase();
    await using site = await startSite();
    let accepted = 0;
    let environment = 0;

    async function check([list, items]: readonly [List, readonly Item[]]): Promise<void> {
      const sender = site.sender(++environment);
      const { status, answer, message } = await sender.send("POST", `/${list}`, JSON.stringify(items));
      if (status === 400) return assert.match(answer.message, /^\w+\[\d\]\.\w+: (expected|must)/);
      assert.equal(status, 200, answer.message);
      accepted++;
      const warnings = answer.warnings ?? [];
      const hasWarning = (path: string) => warnings.some((warning) => warning.startsWith(path));
      const isReplaced = (index: number) =>
        warnings.some((warning) =>
          /\.\w+: left out, as .* has the same/.test(warning) && warning.startsWith(`${list}[${index}]`)
        );
      const kept = [...items.keys()].filter((index) => !isReplaced(index));
      const deletion = deletionPath(list, items.at(-1)!);
      const { stored, left } = await database.store(
        message!,
        deletion === undefined ? undefined : (await sender.send("DELETE", deletion)).message,
      );
      assert.equal(stored.length, kept.length, "all items but those that a warning calls left out");
      for (const [place, index] of kept.entries()) {
        const { id: _, ...item } = stored[place]!;
        const expected = expectedItem(list, items[index]!);
        for (const [field, value] of Object.entries(item)) {
          const path = `${list}[${index}].${field}`;
          if (!hasWarning(`${path}: `)) assert.equal(value, expected[field] ?? "", path);
        }
      }
      const isFound = !left.some(({ id }) => id === stored.at(-1)!.id);
      assert(
        isFound || deletion === undefined,
        "a DELETE with the source and service of the last item finds it",
      );
    }

    const batches = fc.array(requests, { minLength: IN_FLIGHT, maxLength: IN_FLIGHT });
    const property = fc.asyncProperty(batches, async (batch) => void await Promise.all(batch.map(check)));
    await fc.assert(property, {
      numRuns: REQUESTS / IN_FLIGHT,
      interruptAfterTimeLimit: LIMIT_MS,
      markInterruptAsFailure: true,
    });
    assert(accepted > REQUESTS / 2, `only ${accepted} requests were accepted`);
  },
});

Deno.test({
  ...await needsDatabase("The table of equal characters is the database's, for all characters up to U+FFFF"),
  fn: async () => {
    await using database = await createCoreDatabase();
    assert.equal(EQUAL, equalCharacters(await database.readWeights()), "run tests/tools/collation.ts");
  },
});

/** The path that deletes what an item's source and service have; a URL can't have a relative part. */
function deletionPath(list: List, item: Item): string | undefined {
  const parts = [textOf(item.source) || DEFAULT_SOURCE, textOf(item.service)].filter((part) => part !== "");
  if (parts.some((part) => /^\.\.?$/.test(part))) return undefined;
  return [`/${list}`, ...parts.map((part) => encodeURIComponent(part.toWellFormed()))].join("/");
}

/** What core stores of an item as it was posted. */
function expectedItem(list: List, item: Item): Record<string, string> {
  const texts = Object.fromEntries(Object.entries(item).map(([field, value]) => [field, textOf(value)]));
  if (list === "problems") {
    return { ...texts, source: texts.source || DEFAULT_SOURCE, severityScore: scoreOf(item.severityScore) };
  }
  return { ...texts, source: texts.source || DEFAULT_SOURCE, type: texts.type || "TEXT" };
}

function textOf(value: unknown): string {
  return value === null || value === undefined ? "" : String(value);
}

/** As MariaDB writes it. */
function scoreOf(value: unknown): string {
  return Number(value ?? 0).toFixed(1).replace(/^-0\.0$/, "0.0");
}

interface Answer {
  readonly message: string;
  readonly warnings?: readonly string[];
}

/** Starts the program, which prints its messages instead of publishing them. */
async function startSite() {
  const [webPort = 0, healthPort = 0] = freePorts(2);
  const program = startProgram({
    webPort,
    healthPort,
    env: { ...WITHOUT_CLUSTER, INSIGHTS_TOKEN_SECRET: SECRET, RABBITMQ_ENABLED: "false" },
  });
  const waiting = new Map<number, (message: PostedMessage & Deletion) => void>();
  const reading = (async () => {
    let rest = "";
    for await (const text of program.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        const message = JSON.parse(line);
        waiting.get(message.environment)?.(message);
      }
    }
  })();
  try {
    await program.untilReady();
  } catch (error) {
    await program.stop();
    throw error;
  }
  return {
    /** A client of one environment. */
    sender(environment: number) {
      const authorization = issueToken(SECRET, {
        namespace: `p-${environment}`,
        environmentId: String(environment),
        projectName: "p",
        environmentName: String(environment),
      });
      return {
        /** Sends a request; the message is there if the response is 200. */
        async send(method: string, path: string, body: string | null = null) {
          const printed = Promise.withResolvers<PostedMessage & Deletion>();
          waiting.set(environment, printed.resolve);
          const response = await fetch(program.webUrl + path, { method, body, headers: { authorization } });
          const answer: Answer = await response.json();
          const message = response.ok ? await printed.promise : undefined;
          waiting.delete(environment);
          return { status: response.status, answer, message };
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await program.stop();
      await reading;
    },
  };
}
