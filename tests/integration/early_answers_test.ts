/** Clients that read nothing before they have sent everything get answers that come before the end of their body. */
import assert from "node:assert/strict";
import { systemClock } from "../../lib/clock.ts";
import { needsCommands } from "../fixtures/commands.ts";
import { startServerWith } from "../lib/http/fixture.ts";
import { TestApp, TOKEN, tokenOf } from "../routes/fixture.ts";

/** More than the kernels of both sides hold. */
const BODY_BYTES = 15_000_000;

const PYTHON = `
import sys, urllib.error, urllib.request
url, authorization, path = sys.argv[1:]
with open(path, "rb") as file: body = file.read()
request = urllib.request.Request(url, body, {"Authorization": authorization}, method="POST")
try: print(urllib.request.urlopen(request).status)
except urllib.error.HTTPError as error: print(error.code)
`;

/** Commands that print the status, or nothing when they see none. */
const CLIENTS: Readonly<Record<string, (url: string, authorization: string, path: string) => string[]>> = {
  python3: (url, authorization, path) => ["-c", PYTHON, url, authorization, path],
  wget: (url, authorization, path) =>
    ["-q", "-S", "-t", "1", "-O", "/dev/null", "--post-file", path, "--header"]
      .concat(`Authorization: ${authorization}`, url),
};

/** Apps that answer before they have read the body. */
const APPS: Readonly<Record<string, () => Promise<TestApp>>> = {
  "401": () => Promise.resolve(new TestApp()),
  "413": () => Promise.resolve(new TestApp()),
  "429": async () => {
    const app = new TestApp({ maxInFlight: 1 });
    app.holdConfirms();
    app.send("DELETE /facts/drush", { authorization: tokenOf("other") });
    await app.untilWaiting(1);
    return app;
  },
  "503": () => {
    const app = new TestApp();
    app.publisher.ready = false;
    return Promise.resolve(app);
  },
};

for (const [client, args] of Object.entries(CLIENTS)) {
  Deno.test({
    ...needsCommands([client], `${client} sees the status of an early answer to a body of 15 MB`),
    fn: async () => {
      const path = await Deno.makeTempFile();
      await Deno.writeFile(path, new Uint8Array(BODY_BYTES).fill(0x20));
      for (const [status, makeApp] of Object.entries(APPS)) {
        await using running = await startServerWith(systemClock, (await makeApp()).fetch);
        const authorization = status === "401" ? "none" : TOKEN;
        const { stdout, stderr } = await new Deno.Command(client, {
          args: args(`http://127.0.0.1:${running.port}/facts`, authorization, path),
          stdin: "null",
        }).output();
        const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
        assert.match(text, new RegExp(`^(?:\\s*HTTP/1\\.1 )?${status}\\b`), text);
      }
      await Deno.remove(path);
    },
  });
}
