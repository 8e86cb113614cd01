/**
 * The part of Dependency-Track's REST API that pushing SBOMs needs
 * (https://docs.dependencytrack.org/integrations/rest-api/, contract §6).
 *
 * @module
 */
import { z } from "zod";
import { AppError } from "../errors.ts";
import { type Clock, deadline } from "../clock.ts";
import type { Authorities } from "./authorities.ts";
import { TrackRefusedError, TrackUnavailableError } from "./errors.ts";
import { sendRequest, type TrackAnswer, type TrackRequest } from "./http.ts";

/** A server, and who we are there. */
export interface TrackServer {
  /** Below which `/api` is. */
  readonly endpoint: URL;
  /** Sent as `X-Api-Key`, and never told. */
  readonly key: string;
  /** Whether an IP address may be talked to. */
  readonly allowsAddress: (address: string) => boolean;
  /** Who may have signed its certificate. */
  readonly authorities: Authorities;
}

/** A project, as far as we look at it. */
export interface TrackProject {
  /** Its identity. */
  readonly uuid: string;
  /** Not unique. */
  readonly name: string;
  /** UUID of the one above it. */
  readonly parent: string | undefined;
}

/** What is uploaded. */
export interface BomUpload {
  /** Created when it is not there. */
  readonly projectName: string;
  /** Of that project. */
  readonly projectVersion: string;
  /** UUID of the one above it. */
  readonly parent: string | undefined;
  /** Of the project. */
  readonly tag: string;
  /** CycloneDX. */
  readonly bom: AsyncIterable<Uint8Array>;
}

/** Options of {@link createTrackClient}. */
export interface TrackClientOptions {
  /** Limits requests. */
  readonly clock: Clock;
  /** Makes an id, a different one each time, for what separates the parts of an upload. */
  readonly newId: () => string;
  /** Longest time for one request, from its start to the end of its answer. */
  readonly requestTimeoutMs: number;
}

/** Most projects of one name that are looked at; more are no work of ours. */
const MOST_OF_A_NAME = 20;

const projectSchema = z.object({
  uuid: z.uuid(),
  name: z.string(),
  parent: z.object({ uuid: z.uuid() }).nullish(),
});
const createdSchema = z.object({ uuid: z.uuid() });
const tokenSchema = z.object({ token: z.string().regex(/^[\w-]{1,100}$/) });
const processingSchema = z.object({ processing: z.boolean() });

/**
 * Requests to one server. All throw a {@link TrackUnavailableError} when trying again can help, a {@link TrackRefusedError}
 * when it can't, and the signal's reason when it aborts.
 */
export interface TrackClient {
  /** Active projects that have exactly this name, with the UUIDs of their parents. */
  findProjects(name: string, signal: AbortSignal): Promise<readonly TrackProject[]>;
  /** Creates a project that collects those below it, and gives its UUID; undefined when the name is taken. */
  createParent(name: string, parent: string | undefined, signal: AbortSignal): Promise<string | undefined>;
  /** Uploads an SBOM, and gives the token of its processing. */
  upload(upload: BomUpload, signal: AbortSignal): Promise<string>;
  /** Whether an upload is still being processed. */
  isProcessing(token: string, signal: AbortSignal): Promise<boolean>;
}

/** Makes a client; nothing is sent before the first call. */
export function createTrackClient(server: TrackServer, options: TrackClientOptions): TrackClient {
  type Call = Pick<TrackRequest, "method" | "body"> & { readonly path: string; readonly type?: string };

  async function call({ path, type = "application/json", ...request }: Call, parent: AbortSignal) {
    using limit = deadline(options.clock, options.requestTimeoutMs, parent);
    const url = new URL(`${server.endpoint.pathname.replace(/\/+$/, "")}${path}`, server.endpoint);
    const headers = { "x-api-key": server.key, ...(request.body ? { "content-type": type } : {}) };
    const { allowsAddress, authorities } = server;
    try {
      return await sendRequest({
        ...request,
        url,
        headers,
        allowsAddress,
        authorities,
        signal: limit.signal,
      });
    } catch (error) {
      if (parent.aborted || error instanceof AppError) throw error;
      throw new TrackUnavailableError("track-connection", `No answer from ${url.host}`, { cause: error });
    }
  }

  async function read<T>(schema: z.ZodType<T>, request: Call, signal: AbortSignal): Promise<T> {
    const answer = await call(request, signal);
    checkStatus(answer, `${request.method} ${request.path.split("?")[0]}`, server.endpoint.host);
    return parseAnswer(schema, answer, server.endpoint.host);
  }

  async function withParent(
    found: z.infer<typeof projectSchema>,
    signal: AbortSignal,
  ): Promise<TrackProject> {
    // Lists leave the parent out.
    const { parent } = await read(
      projectSchema,
      { method: "GET", path: `/api/v1/project/${found.uuid}` },
      signal,
    );
    return { uuid: found.uuid, name: found.name, parent: parent?.uuid };
  }

  return {
    async findProjects(name, signal) {
      const query = new URLSearchParams({ name, excludeInactive: "true", onlyRoot: "false" });
      const found = await read(
        z.array(projectSchema),
        { method: "GET", path: `/api/v1/project?${query}` },
        signal,
      );
      const named = found.filter((project) => project.name === name).slice(0, MOST_OF_A_NAME);
      const projects: TrackProject[] = [];
      for (const project of named) projects.push(await withParent(project, signal));
      return projects;
    },

    async createParent(name, parent, signal) {
      const project = {
        name,
        classifier: "APPLICATION",
        active: true,
        collectionLogic: "AGGREGATE_DIRECT_CHILDREN",
        ...(parent === undefined ? {} : { parent: { uuid: parent } }),
      };
      const request = {
        method: "PUT",
        path: "/api/v1/project",
        body: oneOf(JSON.stringify(project)),
      } as const;
      const answer = await call(request, signal);
      if (answer.status === 409) return undefined;
      checkStatus(answer, "PUT /api/v1/project", server.endpoint.host);
      return parseAnswer(createdSchema, answer, server.endpoint.host).uuid;
    },

    async upload({ projectName, projectVersion, parent, tag, bom }, signal) {
      const fields = {
        autoCreate: "true",
        projectName,
        projectVersion,
        ...(parent === undefined ? {} : { parentUUID: parent }),
        projectTags: tag,
      };
      const boundary = `insights-remote-${options.newId()}`;
      const type = `multipart/form-data; boundary=${boundary}`;
      const body = multipart(boundary, fields, bom);
      return (await read(tokenSchema, { method: "POST", path: "/api/v1/bom", type, body }, signal)).token;
    },

    isProcessing: async (token, signal) =>
      (await read(processingSchema, { method: "GET", path: `/api/v1/event/token/${token}` }, signal))
        .processing,
  };
}

function checkStatus({ status, retryAfterMs }: TrackAnswer, what: string, host: string): void {
  if (status >= 200 && status < 300) return;
  const text = `${host} answered ${status} to ${what}`;
  if (status === 408 || status === 429 || status >= 500) {
    throw new TrackUnavailableError("track-unavailable", text, { retryAfterMs });
  }
  throw new TrackRefusedError("track-refused", HINTS[status] ? `${text}: ${HINTS[status]}` : text);
}

const PERMISSIONS = "BOM_UPLOAD, PORTFOLIO_MANAGEMENT, PROJECT_CREATION_UPLOAD and VIEW_PORTFOLIO";

const HINTS: Readonly<Record<number, string>> = {
  301: "use the address that it redirects to",
  302: "use the address that it redirects to",
  307: "use the address that it redirects to",
  308: "use the address that it redirects to",
  401: "check the API key",
  403: `the API key's team needs the permissions ${PERMISSIONS}`,
  404: "check that the address is that of the API server",
  413: "the SBOM is larger than it takes",
};

function parseAnswer<T>(schema: z.ZodType<T>, { text }: TrackAnswer, host: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Below, without the parser's message, which quotes the answer.
  }
  const { success, data } = schema.safeParse(value);
  if (success) return data;
  throw new TrackUnavailableError(
    "track-answer",
    `${host} answered something that Dependency-Track does not`,
  );
}

const encoder = new TextEncoder();

async function* oneOf(text: string): AsyncGenerator<Uint8Array> {
  yield encoder.encode(text);
}

/** RFC 7578. */
async function* multipart(
  boundary: string,
  fields: Readonly<Record<string, string>>,
  bom: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const heads = Object.entries(fields).map(([name, value]) =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
  );
  const file =
    'Content-Disposition: form-data; name="bom"; filename="bom.json"\r\nContent-Type: application/json';
  yield encoder.encode(`${heads.join("")}--${boundary}\r\n${file}\r\n\r\n`);
  yield* bom;
  yield encoder.encode(`\r\n--${boundary}--\r\n`);
}
