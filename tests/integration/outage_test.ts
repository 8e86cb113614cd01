/** A short run of what `deno task soak outage` measures for an hour: without a broker, nothing is kept for later. */
import assert from "node:assert/strict";
import { needsCommands } from "../fixtures/commands.ts";
import { CONTAINER_MIB } from "../fixtures/cgroup.ts";
import { measureOutage } from "../tools/outage.ts";

Deno.test({
  ...needsCommands(["ps", "grep"], "while the broker is away and clients go on sending, memory stays flat"),
  fn: async () => {
    const { statuses, mib, peakMib } = await measureOutage({ seconds: 20 });
    const told = JSON.stringify({ statuses, mib, peakMib });
    // Whoever is cut off while it still sends a large body may not see the answer.
    assert.ok((statuses["503"] ?? 0) > 1000, told);
    assert.deepEqual(
      Object.keys(statuses).filter((status) => status !== "503" && status !== "reset"),
      [],
      told,
    );
    const [, second = 0, , last = 0] = mib;
    assert.ok(last < second + 10, told);
    assert.ok(peakMib < CONTAINER_MIB, told);
  },
});
