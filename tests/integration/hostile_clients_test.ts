/** Short runs of `deno task soak clients`: hostile clients harm only themselves. */
import assert from "node:assert/strict";
import { needsCommands } from "../fixtures/commands.ts";
import { CONTAINER_MIB } from "../fixtures/cgroup.ts";
import {
  type AttackSize,
  FULL_ATTACKS,
  measureAttack,
  startTarget,
  UPLOAD_ATTACKS,
} from "../tools/hostile_clients.ts";

/** As many connections as in full, but where that would take long. */
const ATTACKS: readonly AttackSize[] = FULL_ATTACKS.map(([name, count]) => [name, Math.min(count, 10_000)]);

const NAME = "under each attack others are served in time, connections are closed, and memory stays bounded";

Deno.test({
  ...needsCommands(["ps", "grep"], NAME),
  fn: async (test) => {
    for (const size of ATTACKS) {
      await test.step(size.join(" × "), async () => {
        // A new one for each, so that each has its own peak of memory. Shorter limits than in production, so that the test
        // doesn't wait for longer ones.
        await using program = await startTarget({
          WEBSERVICE_HEADER_TIMEOUT: "1",
          WEBSERVICE_REQUEST_TIMEOUT: "3",
        });
        const figures = await measureAttack(program, size);
        const text = JSON.stringify(figures);
        assert.equal(figures.opened, size[1], text);
        assert.equal(figures.leftOpen, 0, text);
        assert.ok(figures.longestOpenMs < 15_000, text);
        assert.ok(figures.posts > 0, text);
        assert.equal(figures.refused, 0, text);
        assert.ok(figures.p99Ms < 250, text);
        // A standstill is one wait among many, which 99 of 100 don't show. Where thousands connect at once the kernel may have
        // a client try again after a second, whatever we do.
        if (size[0] === "pipelining") assert.ok(figures.longestMs < 1000, text);
        assert.ok(figures.peakMib < CONTAINER_MIB, text);
      });
    }
  },
});

Deno.test({
  ...needsCommands(["ps", "grep"], "no environment refuses or holds up the posts and uploads of another one"),
  fn: async (test) => {
    for (const size of UPLOAD_ATTACKS) {
      await test.step(size.join(" × "), async () => {
        // With the limits of production, since what they take from others depends on them.
        await using program = await startTarget();
        const figures = await measureAttack(program, size);
        const text = JSON.stringify(figures);
        assert.deepEqual(Object.keys(figures.uploads ?? {}), ["200"], text);
        assert.equal(figures.refused, 0, text);
        assert.ok(figures.p50Ms < 100, text);
        assert.ok(figures.peakMib < CONTAINER_MIB, text);
      });
    }
  },
});
