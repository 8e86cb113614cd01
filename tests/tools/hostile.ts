/**
 * Clients that mean no good, to measure that the program stands them: a process of its own, that attacks a port of
 * this machine and nothing else, ends by itself, and prints one line of figures. `tests/tools/hostile_clients.ts` starts it.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";

/** What an attack came to. */
export interface AttackFigures {
  /** Connections that were made. */
  readonly opened: number;
  /** Connections that the server did not close in time. */
  readonly leftOpen: number;
  /** The longest time that the server left one open, in milliseconds. */
  readonly longestOpenMs: number;
  /** How often each status was answered; 0 for connections without an answer. */
  readonly statuses: Readonly<Record<string, number>>;
}

/** What one hostile connection does after it was made; the signal says that the server has closed it. */
type Attack = (connection: Deno.TcpConn, context: AttackContext) => Promise<void>;

interface AttackContext {
  /** The connection's number, from 0. */
  readonly index: number;
  readonly token: string;
  readonly closed: AbortSignal;
}

/** After this, what is still open counts as left open. */
const LIMIT_MS = 20_000;

let bomb: Uint8Array | undefined;

const ATTACKS: Readonly<Record<string, Attack>> = {
  "half-heads": (connection) => send(connection, "POST /facts HTTP/1.1\r\nHost: x\r\nX-Half: "),
  "silence": () => Promise.resolve(),
  // New connections, each of which takes the place of another one.
  "rush": () => Promise.resolve(),
  "slow-bodies": async (connection, { token, closed }) => {
    await send(connection, head({ token, framing: "Content-Length: 1000" }));
    while (!closed.aborted) {
      await send(connection, "x");
      await pause(1000, closed);
    }
  },
  "pipelining": async (connection, { token }) => {
    const body = JSON.stringify([{ name: "a", value: "b", source: "pipelined" }]);
    await send(connection, (head({ token, framing: `Content-Length: ${body.length}` }) + body).repeat(200));
  },
  "drops": (connection) => Promise.resolve(connection.close()),
  "cuts": async (connection, { token, closed }) => {
    await send(connection, head({ token, framing: "Content-Length: 1000" }) + '[{"name":');
    // Long enough for the program to have begun with it.
    await pause(50, closed);
    connection.close();
  },
  // Half of them with a token: those are slow, so that they stay below the largest body.
  "endless-chunks": async (connection, { index, token, closed }) => {
    const known = index % 2 === 0;
    await send(connection, head({ token: known ? token : "none", framing: "Transfer-Encoding: chunked" }));
    const chunk = known ? `1000\r\n${" ".repeat(0x1000)}\r\n` : `10000\r\n${" ".repeat(0x10000)}\r\n`;
    while (!closed.aborted) {
      await send(connection, chunk);
      if (known) await pause(100, closed);
    }
  },
  "huge-heads": (connection) =>
    send(connection, `GET / HTTP/1.1\r\nHost: x\r\nX-Huge: ${"x".repeat(1_000_000)}\r\n\r\n`),
  // Bytes of two environments that are announced, and never sent.
  "announced-bodies": async (connection, { index, token }) => {
    const length = index % 2 === 0 ? 10_400_000 : 6_200_000;
    await send(connection, head({ token, framing: `Content-Length: ${length}` }) + "[".padEnd(250));
  },
  "announced-heads": (connection, { token }) =>
    send(connection, head({ token, framing: "Content-Length: 70000" })),
  // Just above the least rate, which keeps the place of a large body for as long as a request may take.
  "least-rate": async (connection, { token, closed }) => {
    await send(connection, head({ token, framing: "Content-Length: 10000000" }) + "[");
    await send(connection, " ".repeat(100_000));
    while (!closed.aborted) {
      await send(connection, " ".repeat(30_000));
      await pause(100, closed);
    }
  },
  "small-bodies": async (connection, { token }) => {
    const body = JSON.stringify(
      Array.from({ length: 900 }, (_, index) => ({ name: `fact-${index}`, value: "v" })),
    );
    const request = head({ token, framing: `Content-Length: ${body.length}\r\nConnection: close` });
    await send(connection, request + body);
  },
  // 200 kB that unpack to 200 MB.
  "gzip-bombs": async (connection, { token }) => {
    bomb ??= gzipSync("[".padEnd(200_000_000));
    const framing = `Content-Encoding: gzip\r\nConnection: close\r\nContent-Length: ${bomb.length}`;
    await send(connection, head({ token, framing }));
    await sendBytes(connection, bomb);
  },
  "unread-bodies": async (connection) => {
    const piece = " ".repeat(1_000_000);
    await send(connection, head({ token: "none", framing: "Content-Length: 10000000" }));
    for (let sent = 0; sent < 10; sent++) await send(connection, piece);
  },
};

/** Attacks whose connections end by themselves need not be made all at once. */
const AT_ONCE: Readonly<Record<string, number>> = {
  drops: 64,
  cuts: 64,
  rush: 1000,
  "announced-bodies": 2,
  "announced-heads": 9,
  "least-rate": 24,
  "small-bodies": 64,
  "gzip-bombs": 64,
};

function head({ token, framing }: { token: string; framing: string }): string {
  return `POST /facts HTTP/1.1\r\nHost: x\r\nAuthorization: ${token}\r\n${framing}\r\n\r\n`;
}

async function send(connection: Deno.TcpConn, text: string): Promise<void> {
  await sendBytes(connection, new TextEncoder().encode(text));
}

async function sendBytes(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

/** Attacks with so many connections. */
async function attack(
  name: string,
  { count, port, tokens }: { count: number; port: number; tokens: readonly string[] },
) {
  const run = ATTACKS[name];
  if (run === undefined) throw new Error(`No such attack: ${name}`);
  const statuses: Record<string, number> = {};
  let opened = 0;
  let ended = 0;
  let longestOpenMs = 0;
  let next = 0;
  const one = async (index: number) => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    const openedAt = performance.now();
    opened++;
    const closed = new AbortController();
    const token = tokens[index % tokens.length] ?? "";
    const attacking = run(connection, { index, token, closed: closed.signal }).catch(() => {});
    for (const status of await readToEnd(connection)) statuses[status] = (statuses[status] ?? 0) + 1;
    longestOpenMs = Math.max(longestOpenMs, Math.round(performance.now() - openedAt));
    ended++;
    closed.abort();
    close(connection);
    await attacking;
  };
  const workers = Array.from({ length: Math.min(count, AT_ONCE[name] ?? count) }, async () => {
    while (next < count) await one(next++).catch(() => ended++);
  });
  await Promise.race([Promise.all(workers), pause(LIMIT_MS + count / 10, new AbortController().signal)]);
  return { opened, leftOpen: opened - ended, longestOpenMs, statuses } satisfies AttackFigures;
}

/** Reads until the connection ends, and gives the statuses that came. */
async function readToEnd(connection: Deno.TcpConn): Promise<string[]> {
  const decoder = new TextDecoder();
  const bytes = new Uint8Array(16_384);
  let text = "";
  try {
    for (let count = await connection.read(bytes); count !== null; count = await connection.read(bytes)) {
      text += decoder.decode(bytes.subarray(0, count), { stream: true });
    }
  } catch {
    // Reset, or closed on this side.
  }
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status = "0"]) => status);
  return statuses.length > 0 ? statuses : ["0"];
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // It is closed already.
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      attack: { type: "string", default: "" },
      count: { type: "string", default: "1" },
      port: { type: "string", default: "0" },
      token: { type: "string", multiple: true, default: [] },
    },
  });
  const figures = await attack(values.attack, {
    count: Number(values.count),
    port: Number(values.port),
    tokens: values.token,
  });
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(figures)}\n`));
  Deno.exit(0);
}
