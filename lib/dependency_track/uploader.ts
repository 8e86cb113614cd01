/**
 * Uploads SBOMs to one kind of server: finds or creates the parent projects, uploads, and remembers each upload until it is
 * processed, so that no worker waits for that. Uploads to one project never overlap, since Dependency-Track fails on that.
 *
 * @module
 */
import { deadline } from "../clock.ts";
import { type ClientOptions, DependencyTrackClient, type DependencyTrackServer } from "./client.ts";
import { DependencyTrackRefusedError, DependencyTrackUnavailableError } from "./errors.ts";
import type { ProjectNames } from "./naming.ts";
import { checkSbom, unpackSbom } from "./sbom.ts";

/** What to upload. */
export interface Upload {
  /** The object that it belongs to, which has one upload at a time. */
  readonly id: string;
  /** The build of that object. */
  readonly build: string;
  readonly server: DependencyTrackServer;
  readonly names: ProjectNames;
  /** In base64. */
  readonly sbom: string;
}

/** Limits of uploads. */
export interface UploadOptions extends ClientOptions {
  /** Limit for an unpacked SBOM. */
  readonly maxSbomBytes: number;
  /** For all requests of one upload, and until it is processed. */
  readonly processingTimeoutMs: number;
  /** Whether requests to one host follow each other, so that a slow one leaves workers to the others. */
  readonly oneAtATime?: boolean;
}

interface Running {
  readonly build: string;
  readonly project: string;
  readonly server: DependencyTrackServer;
  /** Of {@link UploadOptions.clock}'s monotonic time. */
  readonly deadline: number;
  /** Empty until it is uploaded. */
  token: string;
}

/** Uploads SBOMs, and follows their processing. */
export class Uploader {
  readonly #options: UploadOptions;
  /** By the upload's id. */
  readonly #running = new Map<string, Running>();
  /** Hosts with requests in progress. */
  readonly #busy = new Set<string>();
  /** By server: the latest work on its parent projects. It is done one after the other, so that none is created twice. */
  readonly #parents = new Map<string, Promise<unknown>>();

  /** Makes an uploader without uploads. */
  constructor(options: UploadOptions) {
    this.#options = options;
  }

  /** How many uploads are remembered. */
  get runningCount(): number {
    return this.#running.size;
  }

  /** The build whose upload is remembered. */
  buildOf(id: string): string | undefined {
    return this.#running.get(id)?.build;
  }

  /** Forgets an upload. */
  forget(id: string): void {
    this.#running.delete(id);
  }

  /**
   * Uploads an SBOM, and remembers the upload until it is forgotten.
   *
   * @returns False when another upload to its project is still remembered, or its host is busy.
   * @throws {DependencyTrackUnavailableError} When a retry can help. Code `track-project-elsewhere` when a project of that name
   *   is below another parent: it belongs to somebody else, and is never written to.
   * @throws {DependencyTrackRefusedError} When it can't.
   */
  async start({ id, build, server, names, sbom }: Upload, signal: AbortSignal): Promise<boolean> {
    const { clock, maxSbomBytes, processingTimeoutMs } = this.#options;
    const project = JSON.stringify([server.endpoint.href, names.project, names.version]);
    if (this.isBusy(server)) return false;
    if (this.#running.values().some((running) => running.project === project)) return false;
    using limit = deadline(clock, processingTimeoutMs, signal);
    const running = { build, project, server, deadline: clock.monotonic() + processingTimeoutMs, token: "" };
    this.#running.set(id, running);
    this.#busy.add(server.endpoint.host);
    try {
      // A broken SBOM is found before anything is sent.
      await checkSbom(sbom, maxSbomBytes);
      const client = new DependencyTrackClient(server, this.#options, limit.signal);
      const parent = await this.#ensureParents(client, server, names.parents);
      const leaf = await client.findProject(names.project, names.version);
      if (leaf && leaf.parent !== parent) throw elsewhere(names.project);
      running.token = await client.upload(names, parent, unpackSbom(sbom, maxSbomBytes));
      return true;
    } catch (error) {
      this.forget(id);
      if (limit.signal.aborted && !signal.aborted) throw late();
      throw error;
    } finally {
      this.#busy.delete(server.endpoint.host);
    }
  }

  /** Whether requests to this server have to wait. */
  isBusy({ endpoint }: DependencyTrackServer): boolean {
    return this.#options.oneAtATime === true && this.#busy.has(endpoint.host);
  }

  /**
   * Whether the server has processed an upload.
   *
   * @throws {DependencyTrackRefusedError} When the server refuses to say.
   * @throws {DependencyTrackUnavailableError} When it takes too long.
   */
  async isProcessed(id: string, signal: AbortSignal): Promise<boolean> {
    const running = this.#running.get(id);
    if (!running) return true;
    const { clock } = this.#options;
    const isLate = () => clock.monotonic() >= running.deadline;
    if (this.isBusy(running.server)) {
      if (isLate()) throw late();
      return false;
    }
    // At least one question, after whatever pause.
    using limit = deadline(clock, Math.max(running.deadline - clock.monotonic(), 1_000), signal);
    const client = new DependencyTrackClient(running.server, this.#options, limit.signal);
    this.#busy.add(running.server.endpoint.host);
    try {
      if (!await client.isProcessing(running.token)) return true;
    } catch (error) {
      // Processing goes on even if this answer is lost: that is no reason to upload again.
      signal.throwIfAborted();
      if (limit.signal.aborted) throw late();
      if (error instanceof DependencyTrackRefusedError || isLate()) throw error;
    } finally {
      this.#busy.delete(running.server.endpoint.host);
    }
    if (!isLate()) return false;
    throw late();
  }

  /** Finds or creates the parents from the root down, and returns the UUID of the lowest. */
  async #ensureParents(
    client: DependencyTrackClient,
    { endpoint }: DependencyTrackServer,
    names: readonly string[],
  ): Promise<string | undefined> {
    async function ensure(): Promise<string | undefined> {
      let parent: string | undefined;
      for (const name of names) parent = await ensureParent(client, name, parent);
      return parent;
    }
    const latest = this.#parents.get(endpoint.href) ?? Promise.resolve();
    const work = latest.then(ensure, ensure);
    this.#parents.set(endpoint.href, work);
    try {
      return await work;
    } finally {
      if (this.#parents.get(endpoint.href) === work) this.#parents.delete(endpoint.href);
    }
  }
}

function late(): DependencyTrackUnavailableError {
  return new DependencyTrackUnavailableError(
    "track-processing",
    "The server did not take and process the SBOM in time",
  );
}

async function ensureParent(
  client: DependencyTrackClient,
  name: string,
  above: string | undefined,
): Promise<string> {
  // A project with a version is an SBOM's, not a parent.
  const project = await client.findProject(name, "");
  if (project && project.parent !== above) throw elsewhere(name);
  if (project && !project.active) {
    throw new DependencyTrackUnavailableError(
      "track-project-inactive",
      `Project ${JSON.stringify(name)} is inactive: ask the platform's operators to activate it`,
    );
  }
  const uuid = project?.uuid ?? await client.createParent(name, above);
  if (uuid !== undefined) return uuid;
  throw elsewhere(name);
}

function elsewhere(name: string): DependencyTrackUnavailableError {
  return new DependencyTrackUnavailableError(
    "track-project-elsewhere",
    `Project ${JSON.stringify(name)} exists below another parent, or is hidden from this API key: ` +
      "ask the platform's operators to move or delete it, or to change the templates of names",
  );
}
