import assert from "node:assert/strict";
import { formatKey, keyOf, resourcePath, RESOURCES } from "../../../lib/kube/objects.ts";

Deno.test("resourcePath() leads to a collection, to that of a namespace, and to one object", () => {
  const { configMaps, namespaces } = RESOURCES;
  assert.equal(resourcePath(configMaps), "/api/v1/configmaps");
  assert.equal(
    resourcePath(configMaps, { namespace: "main", name: "" }),
    "/api/v1/namespaces/main/configmaps",
  );
  assert.equal(
    resourcePath(configMaps, { namespace: "main", name: "web" }),
    "/api/v1/namespaces/main/configmaps/web",
  );
  assert.equal(resourcePath(namespaces, { namespace: "", name: "main" }), "/api/v1/namespaces/main");
  assert.equal(
    resourcePath({ ...configMaps, apiVersion: "coordination.k8s.io/v1", plural: "leases" }),
    "/apis/coordination.k8s.io/v1/leases",
  );
});

Deno.test("resourcePath() can't be led astray by a name", () => {
  assert.equal(
    resourcePath(RESOURCES.secrets, { namespace: "a/b", name: "../c?d" }),
    "/api/v1/namespaces/a%2Fb/secrets/..%2Fc%3Fd",
  );
});

Deno.test("formatKey() and keyOf() name an object with its namespace, if it has one", () => {
  const metadata = { name: "web", uid: "1", resourceVersion: "1" };
  assert.equal(formatKey(keyOf({ metadata: { ...metadata, namespace: "main" } })), "main/web");
  assert.equal(formatKey(keyOf({ metadata })), "web");
});
