/**
 * The part of the demo about Dependency-Track: a stand-in for its server, and what has to be there after a build.
 *
 * @module
 */
import assert from "node:assert/strict";
import { DependencyTrack } from "../fixtures/dependency_track.ts";
import { SERVICE } from "./build.ts";
import type { Story } from "./story.ts";

const KEY = "demo-key";

/** Starts the stand-in; disposing of it stops it. */
export function startTrack(): DependencyTrack {
  return new DependencyTrack({ key: KEY });
}

/** The program's variables for it. */
export function trackVariables(track: DependencyTrack | undefined): Record<string, string> {
  if (!track) return {};
  return {
    ENABLE_DEPENDENCY_TRACK_INTEGRATION: "true",
    DEPENDENCY_TRACK_API_ENDPOINT: track.url,
    DEPENDENCY_TRACK_API_KEY: KEY,
  };
}

/** Shows where the SBOM stands at Dependency-Track. Call it when the SBOM's ConfigMap is processed. */
export function showTrack(story: Story, track: DependencyTrack): void {
  story.chapter("The SBOM is at Dependency-Track, too");
  const leaf = track.projects.find(({ boms }) => boms.length > 0);
  assert.ok(leaf);
  const path = track.pathOf(leaf);
  story.tell(`Projects, each below the one before: ${path.join(" → ")}.`);
  story.tell(`The last one has the SBOM, of ${leaf.boms[0]?.bytes} bytes, and the tag ${leaf.tags}.`);
  assert.equal(path.length, 3);
  assert.ok(path[2]?.endsWith(`-${SERVICE}`));
  assert.equal(leaf.boms.length, 1);
  story.check("Only then was the ConfigMap marked as processed; core did not wait for it.");
}
