/**
 * Access through the current context of a kubeconfig, with what `kubeconfig.ts` says of it.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { RunCommand } from "../command.ts";
import { AppError } from "../errors.ts";
import { type ClusterAccess, type Credentials, rotatingAccess } from "./credentials.ts";
import { type ExecCredential, runExecPlugin } from "./exec_credential.ts";
import type { KubeContext, TextSource } from "./kubeconfig.ts";

/** Files besides the kubeconfigs that have to be read to use the context. */
export function filesOf({ ca, token, certificate }: KubeContext): string[] {
  return [ca, token, certificate?.cert, certificate?.key].flatMap((source) =>
    source && "file" in source ? [source.file] : []
  );
}

/** Options of {@link kubeconfigAccess}. */
export interface KubeconfigAccessOptions {
  /** Tells when to read files again and when credentials end. */
  readonly clock: Clock;
  /** Reads a file that the context names. */
  readonly readTextFile: (path: string) => Promise<string>;
  /** Runs the context's exec plugin. */
  readonly runCommand: RunCommand;
}

/**
 * Access as the context says. Files are read again every minute. An exec plugin is asked for the first request, and
 * again when its credentials end or the server refused them.
 *
 * @throws {AppError} From the returned functions: code `kubeconfig` when a file can't be read, `exec-plugin` when the
 *   plugin gives no credentials.
 */
export function kubeconfigAccess(context: KubeContext, options: KubeconfigAccessOptions): ClusterAccess {
  const { clock } = options;
  const stop = new AbortController();
  let given: ExecCredential | undefined;

  async function read({ refused }: { refused: boolean }): Promise<Credentials> {
    const { certificate } = context;
    const [ca, token, cert, key] = await Promise.all(
      [context.ca, context.token, certificate?.cert, certificate?.key].map(readSource),
    );
    if (!context.exec || token !== undefined || certificate) {
      return { ca, token: token?.trim(), certificate: cert && key ? { cert, key } : undefined };
    }
    const isOver = given?.expiresAt !== undefined && clock.now() >= given.expiresAt;
    if (!given || refused || isOver) {
      given = await runExecPlugin(context.exec, { server: context.server, ca }, {
        run: options.runCommand,
        clock,
        signal: stop.signal,
      });
    }
    return { ca, ...given };
  }

  async function readSource(source: TextSource | undefined): Promise<string | undefined> {
    if (!source || "text" in source) return source?.text;
    try {
      return await options.readTextFile(source.file);
    } catch (cause) {
      throw new AppError("kubeconfig", `Cannot read ${source.file}, which the kubeconfig names`, { cause });
    }
  }

  return rotatingAccess({
    server: context.server,
    namespace: () => Promise.resolve(context.namespace),
    clock,
    read,
    stopReading: () => stop.abort(),
  });
}
