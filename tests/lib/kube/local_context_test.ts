import assert from "node:assert/strict";
import { looksLocal, requireLocalContext } from "../../../lib/kube/local_context.ts";

Deno.test("a server on this machine is local, whatever the context's name", () => {
  const servers = [
    "https://127.0.0.1:6443",
    "https://127.1.2.3",
    "https://2130706433:6443",
    "https://0.0.0.0:6550",
    "https://[::1]:6443",
    "https://[::]:6443",
    "http://localhost:8001",
    "https://LOCALHOST:6443",
    "https://api.localhost",
    "https://host.docker.internal:6443",
    "https://kubernetes.docker.internal:6443",
  ];
  for (const server of servers) assert.ok(looksLocal({ context: "production", server }), server);
});

Deno.test("an address in a machine's own networks is local only with the context name of a local tool", () => {
  const addresses = ["192.168.49.2", "172.16.0.1", "172.18.0.2", "172.31.255.1"];
  const names = [
    "minikube",
    "kind-kind",
    "k3d-a",
    "docker-desktop",
    "rancher-desktop",
    "orbstack",
    "colima",
    "colima-a",
  ];
  for (const address of addresses) {
    const server = `https://${address}:8443`;
    for (const context of names) assert.ok(looksLocal({ context, server }), `${context} ${server}`);
    for (const context of ["production", "my-minikube", "minikube-production", "kind-", "kind"]) {
      assert.ok(!looksLocal({ context, server }), `${context} ${server}`);
    }
  }
});

Deno.test("no name makes another server local", () => {
  const servers = [
    "https://api.example.com:6443",
    "https://10.0.0.5",
    "https://8.8.8.8",
    "https://172.15.0.1",
    "https://172.32.0.1",
    "https://192.169.0.1",
    "https://127.0.0.1.example.com",
    "https://localhost.example.com",
    "https://notlocalhost",
    "https://[2001:db8::1]",
    "https://example.com/127.0.0.1",
    "https://internal",
  ];
  for (const server of servers) assert.ok(!looksLocal({ context: "kind-kind", server }), server);
});

Deno.test("requireLocalContext() names context and server, and what to do, in one line", () => {
  requireLocalContext({ context: "kind-kind", server: "https://127.0.0.1:6443" });
  assert.throws(() => requireLocalContext({ context: "prod", server: "https://api.example.com" }), {
    code: "remote-context",
    message:
      /^Cannot use context "prod" as its server https:\/\/api\.example\.com does not look local, .* ALLOW_REMOTE_CONTEXT=true if you mean it$/,
  });
});
