/**
 * How much of the processors each part of a measurement has taken: of all processes that this one has started.
 *
 * @module
 */

/** Names that parts go by, where their process's name says less. */
const NAMES: Readonly<Record<string, string>> = { "beam.smp": "rabbitmq", deno: "program" };

/**
 * Seconds of a processor that the processes below this one have taken, by name. Needs the command `ps`.
 */
export async function processorSeconds(): Promise<Record<string, number>> {
  const args = ["-e", "-o", "pid=,ppid=,cputimes=,comm="];
  const { stdout } = await new Deno.Command("ps", { args }).output();
  const processes = new TextDecoder().decode(stdout).trim().split("\n").map((line) => {
    const [pid, parent, seconds, ...name] = line.trim().split(/\s+/);
    return { pid: Number(pid), parent: Number(parent), seconds: Number(seconds), name: name.join(" ") };
  });
  const sums: Record<string, number> = {};
  const below = new Set([Deno.pid]);
  // A child may have a lower number than its parent, so one pass is not enough.
  for (let size = 0; size < below.size;) {
    size = below.size;
    for (const { pid, parent } of processes) if (below.has(parent)) below.add(pid);
  }
  below.delete(Deno.pid);
  for (const { pid, name, seconds } of processes) {
    const part = NAMES[name] ?? name;
    if (below.has(pid) && seconds > 0) sums[part] = (sums[part] ?? 0) + seconds;
  }
  return sums;
}
