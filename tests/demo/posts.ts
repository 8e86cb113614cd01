/**
 * The demo's requests: facts and problems are posted and deleted again.
 *
 * @module
 */
import type { Message } from "./inbox.ts";
import { ENVIRONMENT } from "./build.ts";

/** A request, and what it must result in. */
export interface Post {
  readonly title: string;
  readonly method: "POST" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  /** The response's body. */
  readonly response: unknown;
  readonly message: Message;
}

const id = Number(ENVIRONMENT.environmentId);
const header = {
  environment: id,
  projectName: ENVIRONMENT.project,
  environmentName: ENVIRONMENT.environment,
};

/** In order. */
export const POSTS: readonly Post[] = [
  {
    title: "A cron job in the site's pod posts facts",
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
    response: { message: "okay" },
    message: {
      ...header,
      facts: [
        fact({ name: "php-version", value: "8.4.14", description: "PHP", category: "Programming language" }),
        fact({ name: "drupal-core", value: "11.2.8", category: "Drupal" }),
      ],
      type: "direct.facts",
    },
  },
  {
    title: "A scanner posts a problem without a severity, which Lagoon core would silently drop",
    method: "POST",
    path: "/problems",
    body: [{
      identifier: "SA-CORE-2026-001",
      source: "Shipshape",
      version: "11.2.8",
      data: '{"fixed":"11.2.9"}',
    }],
    response: {
      message: "okay",
      warnings: [
        "problems[0].severity: missing, set to UNKNOWN; use one of NONE, UNKNOWN, NEGLIGIBLE, LOW, MEDIUM, HIGH, CRITICAL",
      ],
    },
    message: {
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
    title: "After the module is updated, the scanner deletes its problems",
    method: "DELETE",
    path: "/problems/Shipshape",
    response: { message: "okay" },
    message: { type: "direct.delete.problems", environment: id, source: "Shipshape", service: "" },
  },
  {
    title: "The cron job deletes its facts",
    method: "DELETE",
    path: "/facts/drush",
    response: { message: "okay" },
    message: { type: "direct.delete.facts", environment: id, source: "drush", service: "" },
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
