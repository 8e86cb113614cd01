/**
 * What a site posts in the demo: facts and problems, and how it clears them again.
 *
 * @module
 */
import type { Message } from "./inbox.ts";
import { ENVIRONMENT } from "./build.ts";

/** One call, and what must come of it. */
export interface Post {
  readonly story: string;
  readonly method: "POST" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  /** What the client is told. */
  readonly answer: unknown;
  readonly expected: Message;
}

const id = Number(ENVIRONMENT.environmentId);
const header = {
  environment: id,
  projectName: ENVIRONMENT.project,
  environmentName: ENVIRONMENT.environment,
};

/** The calls, in order. */
export const POSTS: readonly Post[] = [
  {
    story: "A cron job in the site's pod posts what it found out about itself.",
    method: "POST",
    path: "/facts",
    body: [
      {
        name: "php-version",
        value: "8.4.14",
        source: "drush",
        description: "PHP",
        category: "Programming language",
      },
      { name: "drupal-core", value: "11.2.8", source: "drush", category: "Drupal" },
    ],
    answer: { message: "okay" },
    expected: {
      ...header,
      facts: [
        fact({ name: "php-version", value: "8.4.14", description: "PHP", category: "Programming language" }),
        fact({ name: "drupal-core", value: "11.2.8", category: "Drupal" }),
      ],
      type: "direct.facts",
    },
  },
  {
    story:
      "A scanner posts a problem. It forgot the severity, without which Lagoon core would drop it unseen.",
    method: "POST",
    path: "/problems",
    body: [{
      identifier: "SA-CORE-2026-001",
      source: "Shipshape",
      version: "11.2.8",
      data: '{"fixed":"11.2.9"}',
    }],
    answer: {
      message: "okay",
      warnings: [
        "problems[0].severity: missing, set to UNKNOWN; use one of NONE, UNKNOWN, NEGLIGIBLE, LOW, MEDIUM, HIGH, CRITICAL",
      ],
    },
    expected: {
      ...header,
      problems: [{
        environment: id,
        identifier: "SA-CORE-2026-001",
        version: "11.2.8",
        source: "Shipshape",
        data: '{"fixed":"11.2.9"}',
        severity: "UNKNOWN",
      }],
      type: "direct.problems",
    },
  },
  {
    story: "The module is updated: the scanner clears its problems.",
    method: "DELETE",
    path: "/problems/Shipshape",
    answer: { message: "okay" },
    expected: { type: "direct.delete.problems", environment: id, source: "Shipshape", service: "" },
  },
  {
    story: "And the cron job takes its facts back.",
    method: "DELETE",
    path: "/facts/drush",
    answer: { message: "okay" },
    expected: { type: "direct.delete.facts", environment: id, source: "drush", service: "" },
  },
];

function fact(fields: { name: string; value: string; description?: string; category: string }): Message {
  return {
    environment: ENVIRONMENT.environmentId,
    projectName: ENVIRONMENT.project,
    environmentName: ENVIRONMENT.environment,
    source: "drush",
    description: "",
    type: "",
    service: "",
    ...fields,
  };
}
