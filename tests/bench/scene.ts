/**
 * The external programs that the benchmark needs, and the program as operators run it: the bundle from the binary, with the
 * binary's flags.
 *
 * @module
 */
import { bundleArguments, makeBundle, mallocSettings } from "../fixtures/bundle.ts";
import { isOnPath } from "../fixtures/commands.ts";
import { ASSETS_VARIABLE } from "../fixtures/kube_apiserver.ts";
import { freePorts } from "../fixtures/ports.ts";
import { type RunningProgram, startProgram, WITHOUT_CLUSTER } from "../fixtures/program.ts";
import { findServer, type PrivateNode } from "../fixtures/rabbitmq_node.ts";

/** An external program that a scenario needs. */
export type Part = "rabbitmq" | "kube-apiserver" | "wrk";

/** Signs the benchmark's tokens. */
export const SECRET = "the-secret-of-the-benchmark";

/** The parts that are missing on this machine, with where to get them. */
export function missingParts(parts: readonly Part[]): string[] {
  const missing: Readonly<Record<Part, () => string | undefined>> = {
    rabbitmq: () => findServer() ? undefined : "rabbitmq-server (Debian: apt install rabbitmq-server)",
    "kube-apiserver": () =>
      Deno.env.get(ASSETS_VARIABLE)
        ? undefined
        : `a folder with kube-apiserver and etcd in ${ASSETS_VARIABLE}`,
    wrk: () => isOnPath("wrk") ? undefined : "wrk (Debian: apt install wrk)",
  };
  return parts.map((part) => missing[part]()).filter((text) => text !== undefined);
}

/** The bundled program. Disposing removes the bundle. */
export interface ProgramBundle extends AsyncDisposable {
  /** Starts the program and discards its output. It is not ready yet. */
  start(env: Readonly<Record<string, string>>): RunningProgram;
}

export async function createProgramBundle(): Promise<ProgramBundle> {
  const folder = await Deno.makeTempDir({ prefix: "insights-remote-bench-" });
  const path = await makeBundle(folder);
  return {
    start(env) {
      const [webPort = 0, healthPort = 0] = freePorts(2);
      const command = bundleArguments(path);
      const program = startProgram({
        webPort,
        healthPort,
        command,
        env: { ...mallocSettings(), ...env },
        isContained: true,
      });
      // A full pipe would block the program.
      program.stdout.pipeTo(new WritableStream()).catch(() => {});
      return program;
    },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** Environment variables for a program that uses a broker. */
export function brokerVariables({ port, username, password }: PrivateNode): Record<string, string> {
  return {
    INSIGHTS_TOKEN_SECRET: SECRET,
    RABBITMQ_ADDRESS: `127.0.0.1:${port}`,
    RABBITMQ_USERNAME: username,
    RABBITMQ_PASSWORD: password,
  };
}

/** Environment variables for a program without a cluster. */
export function postsOnly(node: PrivateNode): Record<string, string> {
  return { ...WITHOUT_CLUSTER, ...brokerVariables(node) };
}
