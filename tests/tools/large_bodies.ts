/**
 * Memory while many clients post the largest requests that are taken, all at the same time, to a program with a real
 * broker: few large items, or as many tiny ones as one request may have.
 *
 * @module
 */
import { issueToken } from "../../lib/tokens.ts";
import { programMemory } from "../fixtures/process_memory.ts";
import { type RunningProgram, startWithoutCluster } from "../fixtures/program.ts";
import type { PrivateNode } from "../fixtures/rabbitmq_node.ts";

/** What is posted. */
export type BodyKind = "large-items" | "tiny-items" | "long-names";

/** How much is posted. */
export interface BodiesOptions {
  readonly kind: BodyKind;
  /** How many clients post at the same time. */
  readonly clients: number;
  /** How many environments they belong to. */
  readonly environments: number;
  /** For how long, in seconds. */
  readonly seconds: number;
}

/** What was measured. */
export interface BodiesFigures extends BodiesOptions {
  /** Answers, by status; `reset` counts connections that broke before an answer. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Memory at its highest, in MiB. */
  readonly peakMib: number;
  /** Processes that the kernel has killed for want of memory. */
  readonly kills: number;
}

/** Every kind, with a name that says what it is. */
export const BODY_KINDS: readonly BodyKind[] = ["large-items", "tiny-items", "long-names"];

const SECRET = "the-secret-of-the-large-bodies";

/** Starts a program that sends to a broker and needs no cluster. */
export async function startSender({ port, username, password }: PrivateNode): Promise<RunningProgram> {
  const program = startWithoutCluster({
    INSIGHTS_TOKEN_SECRET: SECRET,
    RABBITMQ_ADDRESS: `127.0.0.1:${port}`,
    RABBITMQ_USERNAME: username,
    RABBITMQ_PASSWORD: password,
  });
  await program.untilReady();
  return program;
}

/** Has clients post to a program of {@link startSender} without a pause. */
export async function measureBodies(program: RunningProgram, options: BodiesOptions): Promise<BodiesFigures> {
  const { kind, clients, environments, seconds } = options;
  const statuses: Record<string, number> = {};
  const body = bodyOf(kind);
  const path = kind === "large-items" ? "problems" : "facts";
  const end = Date.now() + seconds * 1000;
  await Promise.all(Array.from({ length: clients }, async (_, index) => {
    const authorization = tokenOf(index % environments);
    while (Date.now() < end) {
      const response = await fetch(`${program.webUrl}/${path}`, {
        method: "POST",
        headers: { authorization },
        body,
      })
        .catch(() => undefined);
      await response?.body?.cancel().catch(() => {});
      const status = response?.status ?? "reset";
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  }));
  const { peak } = await programMemory(program);
  return { ...options, statuses, peakMib: peak, kills: program.cgroup?.kills() ?? 0 };
}

function bodyOf(kind: BodyKind): string {
  switch (kind) {
    case "large-items":
      return JSON.stringify(
        Array.from({ length: 5000 }, (_, index) => ({ identifier: `CVE-${index}`, data: "x".repeat(2000) })),
      );
    case "tiny-items":
      return JSON.stringify(Array.from({ length: 10_000 }, (_, index) => ({ name: `f${index}` })));
    case "long-names":
      return JSON.stringify(
        Array.from({ length: 10_000 }, (_, index) => ({
          name: `${index}`.padEnd(300, "n"),
          source: `${index}`.padEnd(300, "s"),
          value: "v".repeat(200),
        })),
      );
  }
}

function tokenOf(environment: number): string {
  return issueToken(SECRET, {
    namespace: `site-${environment}`,
    environmentId: String(environment),
    projectName: "proj",
    environmentName: "main",
  });
}
