/**
 * Tells developers how to reach the program that runs on their own machine, outside of the cluster that it works in.
 *
 * @module
 */
import type { Logger } from "../log.ts";

/**
 * Logs one line with what to run. The command has no double quotes, so that it can be copied from a log line.
 *
 * @param port Where posts are taken; undefined when they aren't.
 */
export function logHowToReach(log: Logger, port: number | undefined): void {
  if (port === undefined) return;
  const token = "kubectl get secret insights-token -n NAMESPACE " +
    "-o go-template='Authorization: {{.data.INSIGHTS_TOKEN|base64decode}}'";
  log.info(
    "This run is outside of the cluster and no port is forwarded; docs/development.md tells how pods reach it",
    {
      url: `http://localhost:${port}`,
      post: `${token} | curl -H @- http://localhost:${port}/facts --data @docs/examples/facts.json`,
    },
  );
}
