/**
 * Time series for each alert: some that make it fire, and similar ones that don't.
 *
 * @module
 */
import type { AlertScenario, Series } from "../fixtures/alerts.ts";

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
const waiting = metric("sboms_waiting", 'destination="dependency-track"');
const otherWaiting = metric("sboms_waiting", 'destination="dependency-track"', OTHER_POD);
const sboms = (outcome: string) =>
  metric("sboms_total", `destination="dependency-track",outcome="${outcome}",code="x"`);
const scans = (outcome: string, code = "") =>
  metric("build_scans_total", `outcome="${outcome}",code="${code}"`);

/** Dependency-Track is unavailable, too slow, unavailable while sites keep building, or rejects the key. */
const AWAY: Series = { [waiting]: "3x90", [sboms("sent")]: "9x90", [sboms("deferred")]: "0+1x90" };
const SLOW: Series = { [waiting]: "0+2x90", [sboms("sent")]: "0+1x90" };
const AWAY_AND_BUILT: Series = { [waiting]: "0+2x90", [sboms("sent")]: "9x90" };
const KEY_REFUSED: Series = { [sboms("refused")]: "_x60 1x30" };

/** Dependency-Track and the scanner are turned off, while everything else fails. */
const TURNED_OFF: Series = {
  [ready]: "0x90",
  [pending]: "0+2x90",
  [publishes("refused")]: "0+1x90",
  [configMaps("given_up")]: "0+1x90",
  [configMaps("refused")]: "0+1x90",
};

/** The same series for a site's own Dependency-Track. */
const atSite = (series: Series): Series =>
  Object.fromEntries(
    Object.entries(series).map(([name, values]) => [name.replace('-track"', '-track-custom"'), values]),
  );

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
    // The first one since the start: its series begins with it.
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
    // One lost connection.
    rests: { [publishes("unknown")]: "0x84 9x6" },
  },
  {
    alert: "InsightsRemoteConfigMapsPending",
    fires: { [pending]: "0+2x90" },
    // Many, but decreasing.
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
    // Tokens are renewed after a rotation of the secret.
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
  {
    alert: "InsightsRemoteDependencyTrackFailing",
    fires: AWAY,
    // The server is busy, and some uploads fail.
    rests: { [waiting]: "3x90", [sboms("sent")]: "0+1x90", [sboms("deferred")]: "0+1x90" },
  },
  {
    alert: "InsightsRemoteDependencyTrackFailing",
    // No upload has ever succeeded.
    fires: { [waiting]: "_x50 1x40" },
    // The first upload succeeded.
    rests: { [waiting]: "1x90", [sboms("sent")]: "_x40 1x50" },
  },
  {
    alert: "InsightsRemoteDependencyTrackFailing",
    // Another pod became the leader.
    fires: { [waiting]: "3x70 stale", [otherWaiting]: "0x70 3x20" },
    // Nothing was built for an hour, then one SBOM waits briefly.
    rests: { [waiting]: "0x88 1x2", [sboms("sent")]: "9x90" },
  },
  // Refused SBOMs no longer wait, and have their own alert.
  {
    alert: "InsightsRemoteDependencyTrackFailing",
    fires: AWAY_AND_BUILT,
    rests: { [waiting]: "0x90", ...KEY_REFUSED },
  },
  { alert: "InsightsRemoteDependencyTrackFailing", fires: AWAY, rests: TURNED_OFF },
  { alert: "InsightsRemoteDependencyTrackFailing", fires: AWAY, rests: atSite(AWAY) },
  // Many, but decreasing.
  {
    alert: "InsightsRemoteSbomsWaiting",
    fires: SLOW,
    rests: { [waiting]: "500-2x90", [sboms("sent")]: "0+2x90" },
  },
  { alert: "InsightsRemoteSbomsWaiting", fires: SLOW, rests: AWAY_AND_BUILT },
  { alert: "InsightsRemoteSbomsWaiting", fires: SLOW, rests: TURNED_OFF },
  { alert: "InsightsRemoteSbomsWaiting", fires: SLOW, rests: atSite(SLOW) },
  {
    alert: "InsightsRemoteSbomsStopped",
    fires: KEY_REFUSED,
    // Refused long ago, or waiting for a retry.
    rests: { [sboms("refused")]: "1x90", [sboms("deferred")]: "0+1x90", [sboms("sent")]: "0+1x90" },
  },
  { alert: "InsightsRemoteSbomsStopped", fires: { [sboms("given_up")]: "1x60 2x30" }, rests: TURNED_OFF },
  { alert: "InsightsRemoteSbomsStopped", fires: KEY_REFUSED, rests: atSite(KEY_REFUSED) },
  {
    alert: "InsightsRemoteBuildScansFailing",
    // Retried every minute.
    fires: { [scans("failed", "quota")]: "_x70 1+1x20" },
    // Twice, the quota had room again after some retries.
    rests: { [scans("failed", "quota")]: "_x30 1+1x3 4x44 5+1x3 8x6", [scans("created")]: "_x34 1x47 2x8" },
  },
  {
    alert: "InsightsRemoteBuildScansFailing",
    // The first one since the start.
    fires: { [scans("failed", "invalid")]: "_x60 1x30" },
    rests: { [scans("created")]: "0+1x90", [scans("nothing")]: "0+1x90", [scans("gone")]: "0+1x90" },
  },
  {
    alert: "InsightsRemoteBuildScansFailing",
    fires: { [scans("failed", "invalid")]: "1x60 2x30" },
    // Long ago.
    rests: { [scans("failed", "invalid")]: "1x90", [scans("failed", "forbidden")]: "1x90" },
  },
  {
    alert: "InsightsRemoteBuildScansFailing",
    fires: { [scans("failed", "forbidden")]: "0+1x90" },
    rests: TURNED_OFF,
  },
];
