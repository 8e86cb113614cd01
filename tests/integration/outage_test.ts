/** A short run of `deno task soak outage`: without a broker, nothing is kept for later. */
import assert from "node:assert/strict";
import { needsCommands } from "../fixtures/commands.ts";
import { CONTAINER_MIB } from "../fixtures/cgroup.ts";
import { measureOutage } from "../tools/outage.ts";

Deno.test({
  ...needsCommands(["ps", "grep"], "memory stays flat while the broker is away and clients go on sending"),
  fn: async () => {
    const { statuses, mib, peakMib } = await measureOutage({ seconds: 20 });
    const figures = JSON.stringify({ statuses, mib, peakMib });
    assert.ok((statuses["503"] ?? 0) > 1000, figures);
    // A client that is cut off while it sends a large body may not see the response.
    assert.deepEqual(
      Object.keys(statuses).filter((status) => status !== "503" && status !== "reset"),
      [],
      figures,
    );
    const [, second = 0, , last = 0] = mib;
    assert.ok(last < second + 10, figures);
    assert.ok(peakMib < CONTAINER_MIB, figures);
  },
});
