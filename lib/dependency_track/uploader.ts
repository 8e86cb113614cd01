/**
 * Uploads SBOMs to one kind of server: finds or creates the parent projects, uploads, and remembers each upload until it is
 * processed, so that no worker waits for that. Uploads to one project never overlap, since Dependency-Track fails on that.
 *
 * @module
 */
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
  readonly processingTimeoutMs: number;
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
   * @returns False when another upload to its project is still remembered.
   * @throws {DependencyTrackUnavailableError} When a retry can help. Code `track-project-elsewhere` when a project of that name
   *   is below another parent: it belongs to somebody else, and is never written to.
   * @throws {DependencyTrackRefusedError} When it can't.
   */
  async start({ id, build, server, names, sbom }: Upload, signal: AbortSignal): Promise<boolean> {
    const { clock, maxSbomBytes, processingTimeoutMs } = this.#options;
    const project = JSON.stringify([server.endpoint.href, names.project, names.version]);
    if (this.#running.values().some((running) => running.project === project)) return false;
    const running = { build, project, server, deadline: clock.monotonic() + processingTimeoutMs, token: "" };
    this.#running.set(id, running);
    try {
      // A broken SBOM is found before anything is sent.
      await checkSbom(sbom, maxSbomBytes);
      const client = new DependencyTrackClient(server, this.#options, signal);
      const parent = await this.#ensureParents(client, server, names.parents);
      const leaf = await client.findProject(names.project, names.version);
      if (leaf && leaf.parent !== parent) throw elsewhere(names.project);
      running.token = await client.upload(names, parent, unpackSbom(sbom, maxSbomBytes));
      return true;
    } catch (error) {
      this.forget(id);
      throw error;
    }
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
    const isLate = () => this.#options.clock.monotonic() >= running.deadline;
    const client = new DependencyTrackClient(running.server, this.#options, signal);
    try {
      if (!await client.isProcessing(running.token)) return true;
    } catch (error) {
      // Processing goes on even if this answer is lost: that is no reason to upload again.
      if (error instanceof DependencyTrackRefusedError || isLate()) throw error;
    }
    if (!isLate()) return false;
    throw new DependencyTrackUnavailableError(
      "track-processing",
      "The server did not process the SBOM in time",
    );
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

async function ensureParent(
  client: DependencyTrackClient,
  name: string,
  above: string | undefined,
): Promise<string> {
  // A project with a version is an SBOM's, not a parent.
  const project = await client.findProject(name, "");
  if (project && project.parent !== above) throw elsewhere(name);
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
