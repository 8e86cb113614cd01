/**
 * Attacks over HTTP on the share of others: connections, bodies and time.
 *
 * @module
 */
import { runAttack, UPLOAD_ATTACKS } from "../tools/hostile_clients.ts";
import type { TenantAttack } from "./tenant_attacks.ts";

export const httpAttacks: readonly TenantAttack[] = UPLOAD_ATTACKS.map(([attack, count]) => ({
  name: `others post while three environments send ${attack}`,
  async run(scene) {
    const names = Array.from({ length: 3 }, () => `attacker-${crypto.randomUUID()}`);
    const attackers = await Promise.all(names.map((name) => scene.createTenant(name)));
    const port = Number(new URL(scene.program.webUrl).port);
    await runAttack([attack, count], port, attackers.map(({ token }) => token));
  },
}));
