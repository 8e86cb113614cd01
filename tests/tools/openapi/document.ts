/**
 * The API description in OpenAPI 3.1, which `/openapi.json` serves. `deno task docs` writes it to docs/openapi.json.
 *
 * @module
 */
import denoJson from "../../../deno.json" with { type: "json" };
import { OPTIONS } from "../../../lib/config/options.ts";
import { DELIVERED_EXAMPLES, FACTS_EXAMPLES, PROBLEMS_EXAMPLES } from "./examples.ts";
import type { OperationId } from "./failures.ts";
import { failureExamples, failureResponses, failuresOf, HEADERS, response } from "./responses.ts";
import { type Json, ref, schemas } from "./schemas.ts";

const INFO = `Forwards the facts and problems that a site reports to Lagoon core.

200 means that Lagoon's broker has confirmed the message. The token determines project and environment; the body cannot change them. A POST \
replaces everything that each \`source\` in it has reported before. Every error body is an object with \`status\` and \`message\`.

Default limits: a body of ${OPTIONS.web.maxBodyBytes.defaultText} bytes, ${OPTIONS.web.maxItems.defaultText} items, \
${OPTIONS.web.maxItemBytes.defaultText} bytes per item, arrays and objects nested ${OPTIONS.web.maxJsonDepth.defaultText} deep. The content type is \
ignored: a body is always JSON. JSON Schema cannot express that a body with two members \`facts\` is rejected with 400.`;

export function openApiDocument(): Json {
  return {
    openapi: "3.1.0",
    info: { title: "insights-remote", version: denoJson.version, description: INFO },
    servers: [{
      url: "http://lagoon-remote-insights-remote.lagoon.svc",
      description: "From any pod in the cluster.",
    }],
    security: [{ token: [] }, { bearer: [] }],
    tags: [
      { name: "facts", description: "What an environment reports about itself." },
      { name: "problems", description: "Problems that scanners found in it." },
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
          "The `source` of the posted facts or problems.",
          "my-site",
        ),
        service: pathParameter("service", "The `service` of the posted facts or problems.", "cli"),
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
      `Replaces all ${list} of the sources that the body names; those of other sources stay. An empty list changes nothing. Values that ` +
      "core would lose are repaired and listed in `warnings`. The body may be packed with gzip (`Content-Encoding: gzip`); limits apply to what it unpacks to.",
    requestBody: {
      required: true,
      content: { "application/json": { schema: ref("schemas", schema), examples } },
    },
    responses: { 200: delivered(), ...failuresOf(operationId) },
  };
}

const DELETIONS: Readonly<Partial<Record<OperationId, string>>> = {
  deleteFacts: "Removes all facts of the source.",
  deleteFactsOfService: "Removes all facts of the source: core ignores the service.",
  deleteProblems: "Removes the problems of the source that have no service.",
  deleteProblemsOfService: "Removes the problems that the source has reported for the service.",
};

function deletion(list: "facts" | "problems", operationId: OperationId): Json {
  const isOfService = operationId.endsWith("OfService");
  const parameters = isOfService ? ["source", "service"] : ["source"];
  return {
    operationId,
    tags: [list],
    summary: `Remove a source's ${list}${isOfService ? " for a service" : ""}`,
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
    description: "Needs no token, and works while the broker is unavailable.",
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
