import assert from "node:assert/strict";
import {
  isConflict,
  isForbidden,
  isGone,
  isInvalid,
  isNamespaceTerminating,
  isNotFound,
  isOverQuota,
  kubeError,
  type Status,
  unlessNotFound,
} from "../../../lib/kube/errors.ts";

Deno.test("kubeError() names the request, its object, and the server's message", () => {
  const error = kubeError(
    "get configmaps main/web",
    { message: "not found" },
    404,
  );
  assert.equal(error.message, "Cannot get configmaps main/web as the API server answered 404: not found");
  assert.equal(error.code, "kubernetes-404");
});

Deno.test("kubeError() uses the HTTP status, whatever code a proxy's JSON has", () => {
  const body = { code: "no_route", message: "no such route" } as unknown as Status;
  const error = kubeError("get configmaps main/web", body, 404);
  assert.equal(error.message, "Cannot get configmaps main/web as the API server answered 404: no such route");
  assert.deepEqual([error.status, error.code, isNotFound(error)], [404, "kubernetes-404", true]);
});

Deno.test("kubeError() takes the wait from the header, else from the Status object", () => {
  assert.equal(kubeError("list", {}, 429, "7").retryAfterMs, 7000);
  assert.equal(kubeError("list", { details: { retryAfterSeconds: 3 } }, 429).retryAfterMs, 3000);
  assert.equal(kubeError("list", {}, 500).retryAfterMs, 0);
  assert.equal(kubeError("list", {}, 503, "Wed, 21 Oct 2026 07:28:00 GMT").retryAfterMs, 0);
});

Deno.test("the predicates distinguish statuses", () => {
  const predicates = [isForbidden, isNotFound, isConflict, isGone, isInvalid];
  const table = [403, 404, 409, 410, 422, 500].map((status) =>
    predicates.map((holds) => holds(kubeError("x", {}, status)))
  );
  assert.deepEqual(table, [
    [true, false, false, false, false],
    [false, true, false, false, false],
    [false, false, true, false, false],
    [false, false, false, true, false],
    [false, false, false, false, true],
    [false, false, false, false, false],
  ]);
  assert.equal(isNotFound(new Error("404")), false);
});

Deno.test("unlessNotFound() gives undefined for an object that does not exist, and throws every other error", async () => {
  assert.equal(await unlessNotFound(Promise.resolve("object")), "object");
  assert.equal(await unlessNotFound(Promise.reject(kubeError("get", {}, 404))), undefined);
  await assert.rejects(unlessNotFound(Promise.reject(kubeError("get", {}, 403))), { status: 403 });
});

Deno.test("isNamespaceTerminating() distinguishes a terminating namespace from a missing permission", () => {
  const body = { details: { causes: [{ reason: "NamespaceTerminating" }] } };
  assert.equal(isNamespaceTerminating(kubeError("create secrets", body, 403)), true);
  assert.equal(isNamespaceTerminating(kubeError("create secrets", {}, 403)), false);
});

Deno.test("isOverQuota() recognises the API server's quota messages", () => {
  const refusal = (status: number, message: string) => kubeError("create pods", { message }, status);
  assert.equal(
    isOverQuota(refusal(403, 'pods "a" is forbidden: exceeded quota: few, requested: pods=1')),
    true,
  );
  assert.equal(
    isOverQuota(refusal(403, 'pods "a" is forbidden: failed quota: cpu: must specify limits')),
    true,
  );
  assert.equal(isOverQuota(refusal(403, 'cannot create resource "pods"')), false);
  assert.equal(isOverQuota(refusal(500, "exceeded quota")), false);
});

Deno.test("an error's reason is cut, because it may quote a whole object", () => {
  const { message } = kubeError("get it", { message: "x".repeat(5_000) }, 422);
  assert.equal(message, `Cannot get it as the API server answered 422: ${"x".repeat(1_000)}`);
});
