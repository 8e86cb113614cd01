/**
 * The description of the HTTP API in OpenAPI 3.1, which `/openapi.json` gives out; `deno task docs` writes it to
 * docs/openapi.json.
 *
 * @module
 */
import denoJson from "../../../deno.json" with { type: "json" };
import { OPTIONS } from "../../../lib/config/options.ts";
import { DELIVERED_EXAMPLES, FACTS_EXAMPLES, PROBLEMS_EXAMPLES } from "./examples.ts";
import type { OperationId } from "./failures.ts";
import { failureExamples, failureResponses, failuresOf, HEADERS, response } from "./responses.ts";
import { type Json, ref, schemas } from "./schemas.ts";

const INFO = `Takes what a site reports about itself, facts and problems, and brings it to Lagoon core.

200 says that Lagoon's broker has confirmed the message. Project and environment are those of the token, whatever the body says. What a POST \
names as \`source\` replaces all that the source had reported before. Every error is an object with \`status\` and \`message\`.

Limits, unless the platform has set others: a body of ${OPTIONS.web.maxBodyBytes.defaultText} bytes, ${OPTIONS.web.maxItems.defaultText} items, \
${OPTIONS.web.maxItemBytes.defaultText} bytes for each of them, arrays and objects ${OPTIONS.web.maxJsonDepth.defaultText} deep in each other. The content \
type is not looked at: a body is always JSON. What JSON Schema can't say: a body with two members \`facts\` is refused with 400.`;

/** Makes the document. */
export function openApiDocument(): Json {
  return {
    openapi: "3.1.0",
    info: { title: "insights-remote", version: denoJson.version, description: INFO },
    servers: [{
      url: "http://lagoon-remote-insights-remote.lagoon.svc",
      description: "From any pod of the cluster.",
    }],
    security: [{ token: [] }, { bearer: [] }],
    tags: [
      { name: "facts", description: "What an environment says about itself." },
      { name: "problems", description: "What scanners have found in it." },
      { name: "description", description: "This document." },
    ],
    paths: {
      "/facts": { post: posting("facts") },
      "/facts/{source}": { delete: deletion("facts", "deleteFacts") },
      "/facts/{source}/{service}": { delete: deletion("facts", "deleteFactsOfService") },
      "/problems": { post: posting("problems") },
      "/problems/{source}": { delete: deletion("problems", "deleteProblems") },
      "/problems/{source}/{service}": { delete: deletion("problems", "deleteProblemsOfService") },
      "/openapi.json": { get: description() },
    },
    components: {
      securitySchemes: {
        token: {
          description: "The token alone, as in the Secret `insights-token`.",
          type: "apiKey",
          in: "header",
          name: "Authorization",
        },
        bearer: {
          description: "The same token after `Bearer`.",
          type: "http",
          scheme: "bearer",
          bearerFormat: "JWT",
        },
      },
      schemas: schemas(),
      parameters: {
        source: pathParameter(
          "source",
          "What the facts or problems were posted with as `source`.",
          "my-site",
        ),
        service: pathParameter("service", "What they were posted with as `service`.", "cli"),
      },
      responses: failureResponses(),
      headers: HEADERS,
      examples: failureExamples(),
    },
  };
}

function posting(list: "facts" | "problems"): Json {
  const [operationId, schema, examples] = list === "facts"
    ? ["postFacts", "Facts", FACTS_EXAMPLES] as const
    : ["postProblems", "Problems", PROBLEMS_EXAMPLES] as const;
  return {
    operationId,
    tags: [list],
    summary: `Report ${list}`,
    description:
      `Replaces all ${list} of the sources that the body names; those of other sources stay. An empty list changes nothing. What core ` +
      "would lose is repaired, and told in `warnings`.",
    requestBody: {
      required: true,
      content: { "application/json": { schema: ref("schemas", schema), examples } },
    },
    responses: { 200: delivered(), ...failuresOf(operationId) },
  };
}

const DELETIONS: Readonly<Partial<Record<OperationId, string>>> = {
  deleteFacts: "Removes all facts of the source.",
  deleteFactsOfService: "Removes all facts of the source: core does not look at the service.",
  deleteProblems: "Removes the problems of the source that have no service.",
  deleteProblemsOfService: "Removes the problems that the source has reported of the service.",
};

function deletion(list: "facts" | "problems", operationId: OperationId): Json {
  const isOfService = operationId.endsWith("OfService");
  const parameters = isOfService ? ["source", "service"] : ["source"];
  return {
    operationId,
    tags: [list],
    summary: `Remove a source's ${list}${isOfService ? " of a service" : ""}`,
    description: DELETIONS[operationId],
    parameters: parameters.map((name) => ref("parameters", name)),
    responses: { 200: delivered(), ...failuresOf(operationId) },
  };
}

function description(): Json {
  return {
    operationId: "getDescription",
    tags: ["description"],
    summary: "Read this document",
    description: "Needs no token, and is answered also while the broker is away.",
    security: [],
    responses: {
      200: response({ description: "This document.", schema: { type: "object" } }),
      ...failuresOf("getDescription"),
    },
  };
}

function delivered(): Json {
  return response({
    description: "Delivered.",
    schema: ref("schemas", "Delivered"),
    examples: DELIVERED_EXAMPLES,
  });
}

function pathParameter(name: string, description: string, example: string): Json {
  return { name, in: "path", required: true, description, schema: { type: "string", minLength: 1 }, example };
}
