/**
 * The demo's fake Dependency-Track, and the checks of what it received.
 *
 * @module
 */
import assert from "node:assert/strict";
import { DependencyTrack } from "../fixtures/dependency_track.ts";
import { SERVICE } from "./build.ts";
import type { Printer } from "./printer.ts";

const KEY = "demo-key";

/** Starts the fake server. Disposing stops it. */
export function startDependencyTrack(): DependencyTrack {
  return new DependencyTrack({ key: KEY });
}

/** Environment variables that point the program to it. */
export function dependencyTrackVariables(track: DependencyTrack | undefined): Record<string, string> {
  if (!track) return {};
  return {
    ENABLE_DEPENDENCY_TRACK_INTEGRATION: "true",
    DEPENDENCY_TRACK_API_ENDPOINT: track.url,
    DEPENDENCY_TRACK_API_KEY: KEY,
  };
}

/** Checks what Dependency-Track received. Call it once the SBOM's ConfigMap is processed. */
export function checkDependencyTrack(printer: Printer, track: DependencyTrack): void {
  printer.step("The program uploads the SBOM to Dependency-Track, too");
  const leaf = track.projects.find(({ boms }) => boms.length > 0);
  assert.ok(leaf);
  const path = track.pathOf(leaf);
  printer.info(`Projects, from the root to the leaf: ${path.join(" → ")}.`);
  printer.info(`The leaf has the SBOM (${leaf.boms[0]?.bytes} bytes) and the tag ${leaf.tags}.`);
  assert.equal(path.length, 3);
  assert.ok(path[2]?.endsWith(`-${SERVICE}`));
  assert.equal(leaf.boms.length, 1);
  printer.passed(
    "The ConfigMap was marked as processed only after this upload; Lagoon core did not wait for it.",
  );
}
