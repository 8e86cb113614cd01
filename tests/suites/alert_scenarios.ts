/**
 * When each alert fires, and when it doesn't although something is near to it.
 *
 * @module
 */
import type { AlertScenario } from "../fixtures/alerts.ts";

const POD = 'namespace="lagoon",pod="insights-remote-0"';
const OTHER_POD = 'namespace="lagoon",pod="insights-remote-1"';
const metric = (name: string, labels = "", pod = POD) =>
  `insights_remote_${name}{${pod}${labels && `,${labels}`}}`;

const ready = metric("broker_ready", 'broker="rabbitmq"');
const blocked = metric("broker_blocked", 'broker="rabbitmq"');
const publishes = (outcome: string) => metric("publishes_total", `outcome="${outcome}"`);
const pending = metric("configmaps", 'state="pending"');
const configMaps = (outcome: string) => metric("configmaps_total", `outcome="${outcome}",code="x"`);
const silence = metric("watch_silence_seconds", 'watch="configmaps-watch"');
const leader = metric("leader", 'replica="insights-remote-0"');
const otherLeader = metric("leader", 'replica="insights-remote-1"', OTHER_POD);
const outstanding = metric("token_secrets", 'state="outstanding"');
const requests = (code: number) => metric("http_requests_total", `code="${code}"`);

/** At least one for each alert. */
export const ALERT_SCENARIOS: readonly AlertScenario[] = [
  { alert: "InsightsRemoteAbsent", fires: { up: "0x90" }, rests: { [ready]: "0x90" } },
  {
    alert: "InsightsRemoteBrokerNotReady",
    fires: { [ready]: "1x80 0x10" },
    // A restart of the broker.
    rests: { [ready]: "1x86 0x4" },
  },
  { alert: "InsightsRemoteBrokerBlocked", fires: { [blocked]: "0x80 1x10" }, rests: { [blocked]: "0x90" } },
  {
    alert: "InsightsRemoteMessagesNotRouted",
    // The first one ever.
    fires: { [publishes("returned")]: "_x80 1x10" },
    rests: { [publishes("returned")]: "5x90", [publishes("confirmed")]: "0+1x90" },
  },
  {
    alert: "InsightsRemoteMessagesNotRouted",
    fires: { [publishes("refused")]: "5x85 6x5" },
    rests: { [publishes("not_sent")]: "0+1x90" },
  },
  {
    alert: "InsightsRemoteMessagesUnconfirmed",
    fires: { [publishes("unknown")]: "0+1x90" },
    // A broken connection once.
    rests: { [publishes("unknown")]: "0x84 9x6" },
  },
  {
    alert: "InsightsRemoteConfigMapsPending",
    fires: { [pending]: "0+2x90" },
    // Many, but they become fewer.
    rests: { [pending]: "500-2x90" },
  },
  {
    alert: "InsightsRemoteConfigMapsGivenUp",
    fires: { [configMaps("given_up")]: "_x60 1x30" },
    rests: { [configMaps("given_up")]: "1x90" },
  },
  {
    alert: "InsightsRemoteConfigMapsRefused",
    fires: { [configMaps("refused")]: "1x60 2x30" },
    rests: { [configMaps("refused")]: "1x90", [configMaps("sent")]: "0+1x90" },
  },
  { alert: "InsightsRemoteWatchSilent", fires: { [silence]: "0+60x90" }, rests: { [silence]: "200x90" } },
  {
    alert: "InsightsRemoteNoLeader",
    fires: { [leader]: "0x90", [otherLeader]: "1x80 0x10" },
    rests: { [leader]: "0x90", [otherLeader]: "1x90" },
  },
  {
    alert: "InsightsRemoteSeveralLeaders",
    fires: { [leader]: "1x90", [otherLeader]: "0x80 1x10" },
    rests: { [leader]: "1x90", [otherLeader]: "0x90" },
  },
  {
    alert: "InsightsRemoteTokensOutstanding",
    fires: { [outstanding]: "1x90" },
    // A changed secret spreads.
    rests: { [outstanding]: "0x80 200-20x10" },
  },
  {
    alert: "InsightsRemotePostsLimited",
    fires: { [requests(200)]: "0+90x90", [requests(429)]: "0+10x90" },
    rests: { [requests(200)]: "0+99x90", [requests(429)]: "0+1x90" },
  },
  {
    alert: "InsightsRemotePostsUnavailable",
    fires: { [requests(200)]: "0+90x90", [requests(503)]: "0+10x90" },
    rests: { [requests(200)]: "0+90x90", [requests(401)]: "0+10x90" },
  },
];
