/** Each attack of one tenant, on the whole program and a real kube-apiserver, with an innocent tenant beside it. */
import { needsTenants, startTenants } from "../fixtures/tenants.ts";
import { TENANT_ATTACKS } from "../suites/tenant_attacks.ts";

Deno.test({
  ...needsTenants("under each attack of a tenant, all others are served in time, and memory stays bounded"),
  fn: async (test) => {
    await using scene = await startTenants();
    for (const { name, run } of TENANT_ATTACKS) {
      await test.step(name, async () => {
        // A new process for each attack, which then has its own memory peak. What earlier ones created stays.
        await scene.restart();
        await scene.whileAttacked(() => run(scene));
      });
    }
  },
});
