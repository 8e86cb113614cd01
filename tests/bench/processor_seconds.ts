/**
 * CPU time of the processes that take part in a measurement.
 *
 * @module
 */

/** Clearer names for some processes. */
const NAMES: Readonly<Record<string, string>> = { "beam.smp": "rabbitmq", deno: "program" };

/** CPU seconds of all descendants of this process, by name. Needs `ps`. */
export async function processorSeconds(): Promise<Record<string, number>> {
  const args = ["-e", "-o", "pid=,ppid=,cputimes=,comm="];
  const { stdout } = await new Deno.Command("ps", { args }).output();
  const processes = new TextDecoder().decode(stdout).trim().split("\n").map((line) => {
    const [pid, parent, seconds, ...name] = line.trim().split(/\s+/);
    return { pid: Number(pid), parent: Number(parent), seconds: Number(seconds), name: name.join(" ") };
  });
  const sums: Record<string, number> = {};
  const descendants = new Set([Deno.pid]);
  // A child may have a lower PID than its parent, so one pass is not enough.
  for (let size = 0; size < descendants.size;) {
    size = descendants.size;
    for (const { pid, parent } of processes) if (descendants.has(parent)) descendants.add(pid);
  }
  descendants.delete(Deno.pid);
  for (const { pid, name, seconds } of processes) {
    const part = NAMES[name] ?? name;
    if (descendants.has(pid) && seconds > 0) sums[part] = (sums[part] ?? 0) + seconds;
  }
  return sums;
}
