/**
 * The part of Dependency-Track's REST API that uploads need
 * (https://docs.dependencytrack.org/integrations/rest-api/; docs/protocol.md, "Dependency-Track").
 *
 * @module
 */
import { z } from "zod";
import { DependencyTrackRefusedError, DependencyTrackUnavailableError } from "./errors.ts";
import {
  type DependencyTrackRequest,
  type DependencyTrackResponse,
  type RequestLimits,
  sendRequest,
  type ServerTrust,
} from "./http.ts";
import type { ProjectNames } from "./naming.ts";

/** A server, and our API key for it. */
export interface DependencyTrackServer extends ServerTrust {
  /** The URL that `/api` is below. */
  readonly endpoint: URL;
  /** Sent as `X-Api-Key`; never logged. */
  readonly key: string;
}

/** Options of {@link DependencyTrackClient}. */
export interface ClientOptions extends RequestLimits {
  /** Makes a unique id, which separates the parts of a form. */
  readonly newId: () => string;
}

type Call = Pick<DependencyTrackRequest, "method" | "body"> & {
  readonly path: string;
  readonly contentType?: string;
};

/** A project. */
export interface Project {
  readonly uuid: string;
  readonly active: boolean;
  /** UUID of the project above it. */
  readonly parent: string | undefined;
}

const projectSchema = z.object({
  active: z.boolean().nullish(),
  parent: z.object({ uuid: z.uuid() }).nullish(),
});
const uuidSchema = z.object({ uuid: z.uuid() });
const tokenSchema = z.object({ token: z.string().regex(/^[\w-]{1,100}$/) });
const processingSchema = z.object({ processing: z.boolean() });

const PERMISSIONS = "BOM_UPLOAD, PORTFOLIO_MANAGEMENT, PROJECT_CREATION_UPLOAD and VIEW_PORTFOLIO";

const ADVICE: Readonly<Record<number, string>> = {
  401: "check the API key",
  403: `the API key's team needs the permissions ${PERMISSIONS}`,
  404: "check that the address is that of the API server",
  413: "the SBOM is larger than the server allows",
};

/**
 * Requests to one server. All methods throw a {@link DependencyTrackUnavailableError} when a retry can help, a
 * {@link DependencyTrackRefusedError} when it can't, and the signal's reason when it aborts.
 */
export class DependencyTrackClient {
  readonly #server: DependencyTrackServer;
  readonly #options: ClientOptions;
  readonly #signal: AbortSignal;

  /** Makes a client; it sends nothing yet. */
  constructor(server: DependencyTrackServer, options: ClientOptions, signal: AbortSignal) {
    this.#server = server;
    this.#options = options;
    this.#signal = signal;
  }

  /** Finds the project with this name and version, below whatever parent; an empty version stands for none. */
  async findProject(name: string, version: string): Promise<Project | undefined> {
    const query = new URLSearchParams({ name, ...(version !== "" && { version }) });
    const call = { method: "GET", path: `/api/v1/project/lookup?${query}` } as const;
    const response = await this.#send(call);
    if (response.status === 404) return undefined;
    const { uuid } = this.#parse(uuidSchema, call, response);
    // A lookup leaves the parent out.
    const { active, parent } = await this.#get(projectSchema, `/api/v1/project/${uuid}`);
    return { uuid, active: active ?? true, parent: parent?.uuid };
  }

  /** Creates a project that aggregates its children, and returns its UUID; undefined when the name is taken. */
  async createParent(name: string, parent: string | undefined): Promise<string | undefined> {
    const project = {
      name,
      classifier: "APPLICATION",
      active: true,
      collectionLogic: "AGGREGATE_DIRECT_CHILDREN",
      ...(parent !== undefined && { parent: { uuid: parent } }),
    };
    const call = {
      method: "PUT",
      path: "/api/v1/project",
      body: [encoder.encode(JSON.stringify(project))],
    } as const;
    const response = await this.#send(call);
    return response.status === 409 ? undefined : this.#parse(uuidSchema, call, response).uuid;
  }

  /**
   * Uploads an SBOM in CycloneDX to a project, which is created when it is missing, and returns the token of its processing.
   *
   * @param parent UUID of the parent project.
   */
  async upload(
    { project, version, tag }: Omit<ProjectNames, "parents">,
    parent: string | undefined,
    bom: AsyncIterable<Uint8Array>,
  ): Promise<string> {
    const boundary = `insights-remote-${this.#options.newId()}`;
    const fields = {
      autoCreate: "true",
      projectName: project,
      projectVersion: version,
      ...(parent !== undefined && { parentUUID: parent }),
      projectTags: tag,
    };
    const call = {
      method: "POST",
      path: "/api/v1/bom",
      contentType: `multipart/form-data; boundary=${boundary}`,
      body: multipart(boundary, fields, bom),
    } as const;
    return this.#parse(tokenSchema, call, await this.#send(call)).token;
  }

  /** Whether an upload is still being processed. */
  async isProcessing(token: string): Promise<boolean> {
    return (await this.#get(processingSchema, `/api/v1/event/token/${token}`)).processing;
  }

  async #get<T>(schema: z.ZodType<T>, path: string): Promise<T> {
    const call = { method: "GET", path } as const;
    return this.#parse(schema, call, await this.#send(call));
  }

  #send({ method, path, body, contentType = "application/json" }: Call): Promise<DependencyTrackResponse> {
    const { endpoint, key, allowsAddress, readAuthorities } = this.#server;
    const { clock, requestTimeoutMs } = this.#options;
    return sendRequest({
      method,
      url: new URL(`${endpoint.pathname.replace(/\/+$/, "")}${path}`, endpoint),
      headers: { "x-api-key": key, ...(body && { "content-type": contentType }) },
      ...(body && { body }),
      signal: this.#signal,
    }, { allowsAddress, readAuthorities, clock, requestTimeoutMs });
  }

  #parse<T>(
    schema: z.ZodType<T>,
    { method, path }: Call,
    { status, text, retryAfterMs }: DependencyTrackResponse,
  ): T {
    if (status >= 200 && status < 300) return this.#validate(schema, parseJson(text));
    const message = `${this.#server.endpoint.host} answered ${status} to ${method} ${path.split("?")[0]}`;
    if (status === 408 || status === 429 || status >= 500) {
      throw new DependencyTrackUnavailableError("track-unavailable", message, { retryAfterMs });
    }
    const advice = status < 400 ? "use the address that it redirects to" : ADVICE[status];
    throw new DependencyTrackRefusedError("track-refused", advice ? `${message}: ${advice}` : message);
  }

  /** Its error does not say what is wrong, since that would quote the answer. */
  #validate<T>(schema: z.ZodType<T>, value: unknown): T {
    const { success, data } = schema.safeParse(value);
    if (success) return data;
    const { host } = this.#server.endpoint;
    throw new DependencyTrackUnavailableError(
      "track-answer",
      `${host} did not answer as Dependency-Track does`,
    );
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const encoder = new TextEncoder();

/** Writes a form as in RFC 7578. */
async function* multipart(
  boundary: string,
  fields: Readonly<Record<string, string>>,
  bom: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const parts = Object.entries(fields).map(([name, value]) =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
  );
  const file =
    'Content-Disposition: form-data; name="bom"; filename="bom.json"\r\nContent-Type: application/json';
  yield encoder.encode(`${parts.join("")}--${boundary}\r\n${file}\r\n\r\n`);
  yield* bom;
  yield encoder.encode(`\r\n--${boundary}--\r\n`);
}
