/**
 * Shared by the suites of ConfigMaps: the names of marks, and conditions on them.
 *
 * @module
 */
import type { TestObject } from "../fixtures/cluster.ts";

export const NAME = "lagoon-insights-sbom-nginx";
export const PROCESSED = "lagoon.sh/insightsProcessed";
export const DEFERRED = "lagoon.sh/insightsWriteDeferred";
export const GIVEN_UP = "insights.lagoon.sh/max-retry-exceeded";
export const STATUS = "core.insights.lagoon.sh/status";
export const STATUS_ERROR = "core.insights.lagoon.sh/status-error";
export const RETRIES = "insights.lagoon.sh/retries";
export const MINUTE = 60_000;

export function isProcessed(object: TestObject | undefined): boolean {
  return object?.metadata.labels?.[PROCESSED] !== undefined;
}

export function isDeferred(object: TestObject | undefined): boolean {
  return object?.metadata.labels?.[DEFERRED] !== undefined;
}

export function isGone(object: TestObject | undefined): boolean {
  return object === undefined;
}
