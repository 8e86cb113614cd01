/** A minute of `deno task soak tenants`. */
import assert from "node:assert/strict";
import { CONTAINER_MIB } from "../fixtures/cgroup.ts";
import { needsTenants } from "../fixtures/tenants.ts";
import { measureTenants } from "../tools/tenants.ts";

Deno.test({
  ...needsTenants("under all attacks of tenants at once, nothing of another tenant is lost, refused or late"),
  fn: async () => {
    const { attacks, mib } = await measureTenants({ seconds: 60 });
    assert.ok(attacks > 5, `${attacks}`);
    assert.ok(mib.every((charged) => charged < CONTAINER_MIB), mib.join());
  },
});
