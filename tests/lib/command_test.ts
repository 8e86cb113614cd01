import assert from "node:assert/strict";
import { runCommand } from "../../lib/command.ts";

const never = new AbortController().signal;

Deno.test("runCommand() gives code and output, and hands on arguments and variables", async () => {
  const script = 'echo "$1 $A $PATH"; echo complaint >&2; exit 3';
  const result = await runCommand("sh", ["-c", script, "sh", "first"], { A: "a" }, { signal: never });
  assert.deepEqual(result, { code: 3, stdout: `first a ${Deno.env.get("PATH")}\n`, stderr: "complaint\n" });
});

Deno.test("runCommand() says that there is no such command", async () => {
  assert.deepEqual(await runCommand("no-such-command", [], {}, { signal: never }), { failure: "not-found" });
});

Deno.test({
  name: "runCommand() says that it may not run commands",
  permissions: { run: false, read: true },
  fn: async () => {
    assert.deepEqual(await runCommand("sh", [], {}, { signal: never }), { failure: "not-allowed" });
  },
});

Deno.test("runCommand() kills the command when the signal aborts", async () => {
  const stop = new AbortController();
  const folder = await Deno.makeTempDir();
  try {
    const pid = `${folder}/pid`;
    // The file is there as a whole once it is renamed.
    const script = `echo $$ > ${pid}.new; mv ${pid}.new ${pid}; exec sleep 60`;
    const watcher = Deno.watchFs(folder);
    const running = runCommand("sh", ["-c", script], {}, { signal: stop.signal });
    for await (const { paths } of watcher) if (paths.includes(pid)) break;
    const reason = new Error("enough");
    stop.abort(reason);
    await assert.rejects(running, reason);
    const process = Number(await Deno.readTextFile(pid));
    assert.throws(() => Deno.kill(process, "SIGCONT"), Deno.errors.NotFound);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("runCommand() does not wait for what the command has left running", async () => {
  const folder = await Deno.makeTempDir();
  const pid = `${folder}/pid`;
  const watcher = Deno.watchFs(folder);
  const stop = new AbortController();
  try {
    // Who holds the output open is a process that outlives the one that we know.
    const script = `sleep 60 & echo $! > ${pid}.new; mv ${pid}.new ${pid}`;
    const running = runCommand("sh", ["-c", script], {}, { signal: stop.signal });
    for await (const { paths } of watcher) if (paths.includes(pid)) break;
    const reason = new Error("enough");
    stop.abort(reason);
    await assert.rejects(running, reason);
  } finally {
    Deno.kill(Number(await Deno.readTextFile(pid)), "SIGKILL");
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("runCommand() starts nothing once the signal has aborted", async () => {
  const reason = new Error("enough");
  await assert.rejects(runCommand("true", [], {}, { signal: AbortSignal.abort(reason) }), reason);
});
