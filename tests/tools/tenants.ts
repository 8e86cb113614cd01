/**
 * Runs all attacks of tenants, mixed and repeated, while an innocent tenant goes on.
 *
 * @module
 */
import { startTenants, type Steps } from "../fixtures/tenants.ts";
import { TENANT_ATTACKS } from "../suites/tenant_attacks.ts";

/** What was measured; an attack that succeeds is an error instead. */
export interface TenantFigures {
  readonly attacks: number;
  /** The longest time of each step of the innocent, in milliseconds. */
  readonly longest: Steps;
  /** The program's memory at the end of each round, in MiB. */
  readonly mib: readonly number[];
}

/**
 * Attacks until the time is over. Each round has every attack, in another order, two at a time.
 *
 * @throws {Error} If anything of the innocent is lost, refused or late, or the program ends.
 */
export async function measureTenants({ seconds }: { readonly seconds: number }): Promise<TenantFigures> {
  await using scene = await startTenants();
  const end = performance.now() + seconds * 1000;
  const mib: number[] = [];
  let attacks = 0;
  const longest = await scene.whileAttacked(async () => {
    while (performance.now() < end) {
      const round = TENANT_ATTACKS.toSorted(() => Math.random() - 0.5);
      const attack = async () => {
        for (let next = round.pop(); next && performance.now() < end; next = round.pop()) {
          attacks++;
          await next.run(scene);
        }
      };
      await Promise.all([attack(), attack()]);
      mib.push(scene.program.cgroup?.charged().now ?? 0);
    }
  });
  return { attacks, longest, mib };
}
