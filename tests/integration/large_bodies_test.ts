/** A short run of what `deno task soak bodies` measures with more clients: the largest requests don't fill the memory. */
import assert from "node:assert/strict";
import { needsPrivateNode } from "../fixtures/rabbitmq.ts";
import { startPrivateNode } from "../fixtures/rabbitmq_node.ts";
import { BODY_KINDS, measureBodies, startSender } from "../tools/large_bodies.ts";

/**
 * Of memory that the kernel can't take back. Measured: up to 105 with these clients, and 115 with 64 of them. A container has 134:
 * docs/decisions/0003-memory.md.
 */
const MOST_MIB = 115;

Deno.test({
  ...needsPrivateNode(
    "while many post the largest requests at once, some are taken, and memory stays bounded",
  ),
  fn: async (test) => {
    await using node = await startPrivateNode();
    for (const kind of BODY_KINDS) {
      await test.step(kind, async () => {
        await using program = await startSender(node);
        const figures = await measureBodies(program, { kind, clients: 8, environments: 4, seconds: 5 });
        const text = JSON.stringify(figures);
        assert.ok((figures.statuses["200"] ?? 0) > 0, text);
        // Whoever is cut off while it still sends a large body may not see the answer.
        const others = Object.keys(figures.statuses).filter((status) =>
          !["200", "429", "reset"].includes(status)
        );
        assert.deepEqual(others, [], text);
        assert.ok(figures.peakMib < MOST_MIB, text);
      });
    }
  },
});
