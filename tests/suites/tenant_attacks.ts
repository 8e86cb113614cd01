/**
 * What a tenant may try against the others. Each attack is a test of its own, and part of `deno task soak tenants`.
 *
 * @module
 */
import type { TenantScene } from "../fixtures/tenants.ts";
import { clusterAttacks } from "./tenant_attacks_cluster.ts";
import { httpAttacks } from "./tenant_attacks_http.ts";

/** One attack. */
export interface TenantAttack {
  /** What the others still have, as the name of a test. */
  readonly name: string;
  /** Attacks once, for some seconds, with tenants of its own; it can be repeated, and run beside others. */
  run(scene: TenantScene): Promise<void>;
}

/** All of them. */
export const TENANT_ATTACKS: readonly TenantAttack[] = [
  ...clusterAttacks,
  ...httpAttacks,
];
