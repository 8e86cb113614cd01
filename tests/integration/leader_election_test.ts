/** The leader election suite on the embedded API server and on a real kube-apiserver. */
import { startApiServer } from "../fixtures/api_server/mod.ts";
import { TestCluster } from "../fixtures/cluster.ts";
import { ignoredWithoutApiserver, startKubeApiserver } from "../fixtures/kube_apiserver.ts";
import { leaderElectionSuite } from "../suites/leader_election_suite.ts";

leaderElectionSuite({
  name: "embedded API server",
  start: async () => {
    await using stack = new AsyncDisposableStack();
    const token = "suite-token";
    const { url } = stack.use(startApiServer({ token }));
    const cluster = stack.use(new TestCluster({ url, token }));
    const running = stack.move();
    return { cluster, [Symbol.asyncDispose]: () => running.disposeAsync() };
  },
}, { rbac: false });

leaderElectionSuite({
  name: "kube-apiserver",
  guard: ignoredWithoutApiserver,
  start: async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startKubeApiserver());
    const cluster = stack.use(new TestCluster(server));
    const running = stack.move();
    return { cluster, [Symbol.asyncDispose]: () => running.disposeAsync() };
  },
}, { rbac: true });
