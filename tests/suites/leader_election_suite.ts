/**
 * Leader election on any API server. Requests are real; the time between them is simulated.
 *
 * @module
 */
import assert from "node:assert/strict";
import { systemClock } from "../../lib/clock.ts";
import { createKubeClient } from "../../lib/kube/client.ts";
import type { ClusterAccess } from "../../lib/kube/credentials.ts";
import { createLeaderElection, type LeaderElectionOptions } from "../../lib/kube/leader_election.ts";
import { ManualClock, turn } from "../fixtures/clock.ts";
import type { TestCluster } from "../fixtures/cluster.ts";
import type { LeaseSpec } from "../fixtures/lease_server.ts";
import { MemoryLogger } from "../fixtures/recorders.ts";
import { type ClusterFactory, describeSuite } from "./harness.ts";

const NAME = "ac8a682b.lagoon.sh";
const API = "/apis/coordination.k8s.io/v1";

/** Rounds of requests that candidates send without time passing. */
const MOST_ROUNDS = 20;

/** A Lease, as JSON. */
interface TestLease {
  readonly metadata: { readonly uid: string; readonly resourceVersion: string };
  readonly spec: LeaseSpec;
}

/** The candidates for one Lease. */
class Campaign implements AsyncDisposable {
  readonly #cluster: TestCluster;
  readonly #namespace: string;
  readonly #clock = new ManualClock();
  readonly #running: (() => Promise<void>)[] = [];
  readonly #requests = new Set<Promise<unknown>>();

  constructor(cluster: TestCluster, namespace: string) {
    this.#cluster = cluster;
    this.#namespace = namespace;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stop of this.#running) await stop();
  }

  /** Starts a candidate. */
  start(identity: string, access: ClusterAccess = this.#cluster.access()) {
    const log = new MemoryLogger();
    const link = { cut: false };
    const election = createLeaderElection({
      client: this.#observed(access, link),
      key: { namespace: this.#namespace, name: NAME },
      identity,
      clock: this.#clock,
      random: () => 0,
      log,
    });
    const stopping = new AbortController();
    const result = election.run({
      signal: stopping.signal,
      lead: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
    });
    const stop = () => {
      stopping.abort();
      return result;
    };
    this.#running.push(async () => {
      await stop();
      access.close();
    });
    return { election, log, link, stop, result };
  }

  /** Advances time second by second; all requests finish within each second. */
  async pass(seconds: number): Promise<void> {
    await this.#settle();
    for (let second = 0; second < seconds; second++) {
      await this.#clock.advance(1_000);
      await this.#settle();
    }
  }

  get path(): string {
    return `${API}/namespaces/${this.#namespace}/leases`;
  }

  async lease(): Promise<TestLease> {
    return await this.#cluster.send("GET", `${this.path}/${NAME}`) as TestLease;
  }

  async #settle(): Promise<void> {
    await turn();
    for (let round = 0; this.#requests.size > 0; round++) {
      assert.ok(round < MOST_ROUNDS, "candidates send requests without end");
      await Promise.allSettled(this.#requests);
      await turn();
    }
  }

  /** A client that tracks its requests, and fails while the link is cut. */
  #observed(access: ClusterAccess, link: { readonly cut: boolean }): LeaderElectionOptions["client"] {
    const client = createKubeClient({ access, clock: systemClock });
    const observe = async <T>(send: () => Promise<T>): Promise<T> => {
      if (link.cut) throw new Error("cut off");
      const request = send();
      this.#requests.add(request);
      try {
        return await request;
      } finally {
        this.#requests.delete(request);
      }
    };
    return {
      get: (...request) => observe(() => client.get(...request)),
      create: (...request) => observe(() => client.create(...request)),
      patch: (...request) => observe(() => client.patch(...request)),
    };
  }
}

/**
 * Registers the suite.
 *
 * @param options.rbac Whether the server has ServiceAccounts and RBAC.
 */
export function leaderElectionSuite(factory: ClusterFactory, { rbac }: { rbac: boolean }): void {
  describeSuite(factory, (test) => {
    test("a candidate creates the Lease, renews it and leaves it without a holder", async ({ cluster, namespace }) => {
      await using campaign = new Campaign(cluster, namespace);
      const one = campaign.start("one");
      await campaign.pass(0);
      assert.equal(one.election.isLeading(), true);
      const created = await campaign.lease();
      assert.deepEqual(created.spec, {
        holderIdentity: "one",
        leaseDurationSeconds: 15,
        acquireTime: "2026-11-23T10:00:00.000000Z",
        renewTime: "2026-11-23T10:00:00.000000Z",
        leaseTransitions: 0,
      });
      await campaign.pass(31);
      const renewed = await campaign.lease();
      assert.equal(renewed.metadata.uid, created.metadata.uid);
      assert.deepEqual(renewed.spec, { ...created.spec, renewTime: "2026-11-23T10:00:30.000000Z" });
      assert.equal(await one.stop(), "stopped");
      const { holderIdentity, leaseDurationSeconds } = (await campaign.lease()).spec;
      assert.deepEqual([holderIdentity, leaseDurationSeconds], ["", 1]);
    });

    test("of three candidates one leads, and another takes over after its release", async ({ cluster, namespace }) => {
      await using campaign = new Campaign(cluster, namespace);
      const all = ["one", "two", "three"].map((identity) => ({ identity, ...campaign.start(identity) }));
      const leaders = () => all.filter(({ election }) => election.isLeading());
      await campaign.pass(20);
      for (let term = 0; term < 3; term++) {
        const [leader, ...others] = leaders();
        assert.equal(others.length, 0);
        const { holderIdentity, leaseTransitions } = (await campaign.lease()).spec;
        assert.deepEqual([holderIdentity, leaseTransitions], [leader?.identity, term]);
        assert.equal(await leader?.stop(), "stopped");
        assert.equal(leaders().length, 0);
        await campaign.pass(2);
      }
    });

    test("a leader that is cut off stops before another takes over", async ({ cluster, namespace }) => {
      await using campaign = new Campaign(cluster, namespace);
      const one = campaign.start("one");
      await campaign.pass(0);
      const two = campaign.start("two");
      await campaign.pass(4);
      one.link.cut = true;
      const leading = () => [one.election.isLeading(), two.election.isLeading()];
      await campaign.pass(9);
      assert.deepEqual(leading(), [true, false]);
      await campaign.pass(1);
      assert.deepEqual(leading(), [false, false]);
      assert.equal(await one.result, "lost");
      await campaign.pass(4);
      assert.deepEqual(leading(), [false, false]);
      // The other candidate may have seen the last renewal two seconds late, and reads every two seconds.
      await campaign.pass(5);
      assert.deepEqual(leading(), [false, true]);
      const { holderIdentity, leaseTransitions } = (await campaign.lease()).spec;
      assert.deepEqual([holderIdentity, leaseTransitions], ["two", 1]);
    });

    test("a deleted Lease is created again by its leader", async ({ cluster, namespace }) => {
      await using campaign = new Campaign(cluster, namespace);
      const one = campaign.start("one");
      await campaign.pass(0);
      const two = campaign.start("two");
      await campaign.pass(1);
      const before = await campaign.lease();
      await cluster.send("DELETE", `${campaign.path}/${NAME}`);
      await campaign.pass(4);
      const after = await campaign.lease();
      assert.notEqual(after.metadata.uid, before.metadata.uid);
      assert.equal(after.spec.holderIdentity, "one");
      assert.deepEqual([one.election.isLeading(), two.election.isLeading()], [true, false]);
    });

    test("a leader stops when the Lease names another holder, and doesn't change the Lease", async ({ cluster, namespace }) => {
      await using campaign = new Campaign(cluster, namespace);
      const one = campaign.start("one");
      await campaign.pass(0);
      await cluster.send("PATCH", `${campaign.path}/${NAME}`, {
        body: { spec: { holderIdentity: "operator" } },
        type: "application/merge-patch+json",
      });
      const before = await campaign.lease();
      await campaign.pass(2);
      assert.equal(one.election.isLeading(), false);
      assert.equal(await one.result, "lost");
      assert.deepEqual(await campaign.lease(), before);
    });

    test("a Lease with a renew time in the future is taken when it has not changed for its duration", async ({ cluster, namespace }) => {
      await using campaign = new Campaign(cluster, namespace);
      const renewTime = "2099-01-01T00:00:00.000001Z";
      await cluster.send("POST", campaign.path, {
        body: {
          apiVersion: "coordination.k8s.io/v1",
          kind: "Lease",
          metadata: { name: NAME },
          spec: { holderIdentity: "gone", leaseDurationSeconds: 15, renewTime },
        },
      });
      const one = campaign.start("one");
      await campaign.pass(14);
      assert.equal(one.election.isLeading(), false);
      await campaign.pass(2);
      assert.equal(one.election.isLeading(), true);
      assert.equal((await campaign.lease()).spec.leaseTransitions, 1);
    });

    if (!rbac) return;

    test("without permission a candidate logs that once and does not lead; get, create and patch are enough", async ({ cluster, namespace }) => {
      await using campaign = new Campaign(cluster, namespace);
      const one = campaign.start("one", cluster.access(await serviceAccountToken(cluster, namespace)));
      await campaign.pass(180);
      assert.equal(one.election.isLeading(), false);
      assert.deepEqual(one.log.lines.map(({ level }) => level), ["error"]);
      assert.match(one.log.lines[0]!.message, /grant get, create and patch on leases of coordination.k8s.io/);
      await grantLeases(cluster, namespace);
      // kube-apiserver watches bindings itself, so the first attempt may still be too early.
      for (let minute = 0; minute < 5 && !one.election.isLeading(); minute++) await campaign.pass(60);
      assert.equal(one.election.isLeading(), true);
      await campaign.pass(4);
      assert.equal(await one.stop(), "stopped");
      assert.equal((await campaign.lease()).spec.holderIdentity, "");
    });
  });
}

/** Creates the ServiceAccount `remote`, without permissions; returns a token for it. */
async function serviceAccountToken(cluster: TestCluster, namespace: string): Promise<string> {
  const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  await cluster.send("POST", accounts, {
    body: { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "remote" } },
  });
  const answer = await cluster.send("POST", `${accounts}/remote/token`, {
    body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} },
  }) as { status: { token: string } };
  return answer.status.token;
}

async function grantLeases(cluster: TestCluster, namespace: string): Promise<void> {
  const api = "rbac.authorization.k8s.io";
  const path = `/apis/${api}/v1/namespaces/${namespace}`;
  const metadata = { name: "leader-election" };
  const verbs = ["get", "create", "patch"];
  await cluster.send("POST", `${path}/roles`, {
    body: {
      apiVersion: `${api}/v1`,
      kind: "Role",
      metadata,
      rules: [{ apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs }],
    },
  });
  await cluster.send("POST", `${path}/rolebindings`, {
    body: {
      apiVersion: `${api}/v1`,
      kind: "RoleBinding",
      metadata,
      roleRef: { apiGroup: api, kind: "Role", name: metadata.name },
      subjects: [{ kind: "ServiceAccount", name: "remote", namespace }],
    },
  });
}
