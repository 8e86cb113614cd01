/**
 * Liveness and readiness for the kubelet: `/healthz` and `/readyz`. Paths, parameters and answers are those of controller-runtime, so
 * that probes written for the Go remote work.
 *
 * @module
 */
import { type Context, Hono } from "hono";

/** Conditions by name. An answer says which hold, and nothing else about them. */
export type HealthChecks = Readonly<Record<string, () => boolean>>;

/**
 * Makes the app. Below each path is one for each check; `ping` always holds.
 *
 * @param readiness When one fails, the program should get no requests.
 * @param liveness When one fails, the kubelet should restart the program.
 */
export function createHealthApp(readiness: HealthChecks, liveness: HealthChecks): Hono {
  const app = new Hono({ strict: false });
  for (const [path, checks] of [["/healthz", liveness], ["/readyz", readiness]] as const) {
    const all = { ping: () => true, ...checks };
    // The Go remote's only checks have the names of their paths.
    for (const root of [path, path + path]) app.get(root, (c) => answer(c, all));
    for (const [name, holds] of Object.entries(all)) {
      app.get(`${path}/${name}`, (c) => answer(c, { [name]: holds }));
    }
  }
  return app;
}

function answer(c: Context, checks: HealthChecks): Response {
  const excluded = c.req.queries("exclude") ?? [];
  let failed = false;
  const lines = Object.entries(checks).map(([name, holds]) => {
    if (excluded.includes(name)) return `[+]${name} excluded: ok`;
    if (holds()) return `[+]${name} ok`;
    failed = true;
    return `[-]${name} failed: reason withheld`;
  });
  if (!failed && c.req.query("verbose") === undefined) return c.text("ok");
  lines.push(`healthz check ${failed ? "failed" : "passed"}`, "");
  return c.text(lines.join("\n"), failed ? 500 : 200);
}
