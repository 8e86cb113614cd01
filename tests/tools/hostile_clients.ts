/**
 * How the program stands slow and hostile clients: each attack runs in a process of its own, while a client like any
 * other posts facts and measures how long it waits.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { issueToken } from "../../lib/tokens.ts";

import { type RunningProgram, startWithoutCluster } from "../fixtures/program.ts";
import { programMemory } from "../fixtures/process_memory.ts";
import { parseAnswers, RawClient } from "../fixtures/raw_client.ts";
import type { AttackFigures } from "./hostile.ts";

/** One attack: its name in `tests/tools/hostile.ts`, and how many connections it makes. */
export type AttackSize = readonly [name: string, count: number];

/** What was measured during an attack. */
export interface HostileFigures extends AttackFigures {
  readonly attack: string;
  /** Posts of the client that means well. */
  readonly posts: number;
  /** Those that were not answered 200. */
  readonly refused: number;
  /** How long it waited for half of the answers at most, and for 99 of 100, in milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /**
   * The longest that it waited. It posts one after the other, so that a standstill is a single wait among thousands of
   * others, and does not show in what 99 of 100 waited.
   */
  readonly longestMs: number;
  /** Statuses of another client's uploads of 2.7 MB, and the longest that one took, in milliseconds. */
  readonly uploads?: Readonly<Record<string, number>>;
  readonly longestUploadMs?: number;
  /** Memory of the program at its highest so far, in MiB. */
  readonly peakMib: number;
  /** Processes that the kernel has killed for want of memory. */
  readonly kills: number;
}

/** All attacks in full. */
export const FULL_ATTACKS: readonly AttackSize[] = [
  ["half-heads", 2000],
  ["silence", 2000],
  ["slow-bodies", 200],
  ["pipelining", 50],
  ["drops", 100_000],
  ["cuts", 2000],
  ["endless-chunks", 50],
  ["huge-heads", 200],
  ["unread-bodies", 50],
];

/** Attacks on the share of others, while another environment uploads large bodies. Some go on until a time is over. */
export const UPLOAD_ATTACKS: readonly AttackSize[] = [
  ["rush", 10_000],
  ["announced-bodies", 2],
  ["announced-heads", 9],
  ["least-rate", 60],
  ["small-bodies", 1500],
  ["gzip-bombs", 300],
];

/** With fewer, the longest wait would be what 99 of 100 waited: an attack may be over in the blink of an eye. */
const LEAST_POSTS = 200;

const SECRET = "the-secret-of-the-hostile-clients";
const TOKEN = tokenOf("proj-main");
/** Of other environments, whose limits are their own. */
const HOSTILE_TOKENS = ["hostile-main", "hostile-dev", "hostile-test"].map(tokenOf);
const UPLOAD_TOKEN = tokenOf("upload-main");
const FACTS = JSON.stringify([{ name: "a", value: "b", source: "client" }]);

function tokenOf(namespace: string): string {
  const names = { projectName: "proj", environmentName: "main" };
  return issueToken(SECRET, { namespace, environmentId: "3", ...names });
}

/** Starts a program that needs neither a cluster nor a broker. */
export async function startTarget(env: Readonly<Record<string, string>> = {}): Promise<RunningProgram> {
  const program = startWithoutCluster({ INSIGHTS_TOKEN_SECRET: SECRET, RABBITMQ_ENABLED: "false", ...env });
  await program.untilReady();
  return program;
}

/** Runs one attack to its end. */
export async function measureAttack(
  program: RunningProgram,
  [attack, count]: AttackSize,
): Promise<HostileFigures> {
  const port = Number(new URL(program.webUrl).port);
  const ended = new AbortController();
  const client = postUntil(port, ended.signal);
  const uploader = UPLOAD_ATTACKS.some(([name]) => name === attack) && uploadUntil(port, ended.signal);
  const attacked = await runAttack([attack, count], port, HOSTILE_TOKENS).finally(() => ended.abort());
  const { peak } = await programMemory(program);
  return {
    attack,
    ...attacked,
    ...await client,
    ...await uploader,
    peakMib: peak,
    kills: program.cgroup?.kills() ?? 0,
  };
}

/** Runs one attack in a process of its own; its connections use the tokens in turns. */
export async function runAttack(
  [attack, count]: AttackSize,
  port: number,
  tokens: readonly string[],
): Promise<AttackFigures> {
  const script = fileURLToPath(new URL("hostile.ts", import.meta.url));
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-net=127.0.0.1", script]
      .concat(
        "--attack",
        attack,
        "--count",
        String(count),
        "--port",
        String(port),
        ...tokens.flatMap((token) => ["--token", token]),
      ),
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`The attack ${attack} did not run`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Posts facts one after the other, over one connection that stays and over new ones in turns. */
async function postUntil(port: number, ended: AbortSignal) {
  const waits: number[] = [];
  let refused = 0;
  while (!ended.aborted || waits.length < LEAST_POSTS) {
    const startedAt = performance.now();
    const post = waits.length % 2 === 0 ? postOverKept : postOverNew;
    if (await post(port).catch(() => 0) !== 200) refused++;
    waits.push(performance.now() - startedAt);
  }
  waits.sort((a, b) => a - b);
  const quantile = (part: number) => Math.round(waits[Math.floor(waits.length * part)] ?? Infinity);
  return {
    posts: waits.length,
    refused,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    longestMs: Math.round(waits.at(-1) ?? Infinity),
  };
}

/** Uploads one large body after the other, each over some 300 ms. */
async function uploadUntil(port: number, ended: AbortSignal) {
  const uploads: Record<string, number> = {};
  let longestUploadMs = 0;
  const piece = " ".repeat(90_000);
  const head = `POST /facts HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: ${UPLOAD_TOKEN}`;
  do {
    const startedAt = performance.now();
    using client = await RawClient.sending(port, `${head}\r\nContent-Length: 2700001\r\n\r\n[`);
    for (let sent = 0; sent < 30; sent++) {
      await client.send(sent < 29 ? piece : piece.replace(/ $/, "]")).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const { status = 0 } = parseAnswers(await client.untilClosed())[0] ?? {};
    uploads[status] = (uploads[status] ?? 0) + 1;
    longestUploadMs = Math.max(longestUploadMs, Math.round(performance.now() - startedAt));
  } while (!ended.aborted);
  return { uploads, longestUploadMs };
}

async function postOverKept(port: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/facts`, {
    method: "POST",
    headers: { authorization: TOKEN },
    body: FACTS,
  });
  await response.body?.cancel();
  return response.status;
}

async function postOverNew(port: number): Promise<number> {
  const head = `POST /facts HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: ${TOKEN}`;
  using client = await RawClient.sending(port, `${head}\r\nContent-Length: ${FACTS.length}\r\n\r\n${FACTS}`);
  return parseAnswers(await client.untilClosed())[0]?.status ?? 0;
}
