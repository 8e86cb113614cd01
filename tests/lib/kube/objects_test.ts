import assert from "node:assert/strict";
import { formatKey, keyOf, parseKey, resourcePath, RESOURCES } from "../../../lib/kube/objects.ts";

Deno.test("resourcePath() gives the path of a collection, of a namespace's collection, and of one object", () => {
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

Deno.test("resourcePath() encodes names", () => {
  assert.equal(
    resourcePath(RESOURCES.secrets, { namespace: "a/b", name: "../c?d" }),
    "/api/v1/namespaces/a%2Fb/secrets/..%2Fc%3Fd",
  );
});

Deno.test("formatKey() writes namespace and name, and parseKey() reads them", () => {
  const metadata = { name: "web", uid: "1", resourceVersion: "1" };
  assert.equal(formatKey(keyOf({ metadata: { ...metadata, namespace: "main" } })), "main/web");
  assert.equal(formatKey(keyOf({ metadata })), "web");
  for (const key of [{ namespace: "main", name: "web" }, { namespace: "", name: "web" }]) {
    assert.deepEqual(parseKey(formatKey(key)), key);
  }
});
