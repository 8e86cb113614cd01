/**
 * Runs another program to its end. Only credentials of a kubeconfig need that, on a developer's machine.
 *
 * @module
 */

/** How a command went; plain data, so that it can come from outside of a Worker. */
export type CommandResult =
  | { readonly code: number; readonly stdout: string; readonly stderr: string }
  /** It could not be started: there is none of that name, or this process may not run commands. */
  | { readonly failure: "not-found" | "not-allowed" };

/**
 * Runs a command with arguments and with environment variables besides our own; rejects with the signal's reason when
 * that aborts.
 */
export type RunCommand = (
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  options: { signal: AbortSignal },
) => Promise<CommandResult>;

/** Runs a command without input. When the signal aborts it is killed, and what it has started is not waited for. */
export async function runCommand(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  { signal }: { signal: AbortSignal },
): Promise<CommandResult> {
  signal.throwIfAborted();
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(command, {
      args: [...args],
      env: { ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    })
      .spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { failure: "not-found" };
    if (error instanceof Deno.errors.NotCapable) return { failure: "not-allowed" };
    throw error;
  }
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended already, and only something that it has started holds its output open.
    }
    child.status.then(() => reject(signal.reason));
  };
  signal.addEventListener("abort", abort, { once: true });
  try {
    const { code, stdout, stderr } = await Promise.race([child.output(), aborted]);
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: decode(stdout), stderr: decode(stderr) };
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
