/**
 * Pushes SBOMs to one kind of server: finds or creates the projects above, uploads, and remembers what is being processed, so
 * that nobody waits for it. Two uploads to one project never meet, since Dependency-Track fails on that.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { createTrackClient, type TrackClient, type TrackClientOptions, type TrackServer } from "./client.ts";
import { TrackRefusedError, TrackUnavailableError } from "./errors.ts";
import type { ProjectNames } from "./naming.ts";
import { checkSbom, unpackSbom } from "./sbom.ts";

/** What is pushed. */
export interface Push {
  /** Whose it is; one push at a time. */
  readonly id: string;
  /** Where to. */
  readonly server: TrackServer;
  /** Where to there. */
  readonly names: ProjectNames;
  /** Base64, as Kubernetes gives it. */
  readonly sbom: string;
}

/** How much is taken on. */
export interface PusherOptions extends Omit<TrackClientOptions, "clock"> {
  /** Limits requests and processing. */
  readonly clock: Clock;
  /** Most that an SBOM may unpack to, in bytes. */
  readonly maxSbomBytes: number;
  /** Longest time that processing may take, in milliseconds. */
  readonly processingTimeoutMs: number;
}

/** What became of a push. */
export type PushState = "processing" | "done" | "busy";

interface Running {
  readonly project: string;
  readonly client: TrackClient;
  /** Undefined while it is being uploaded. */
  token: string | undefined;
  readonly until: number;
}

/** Pushes SBOMs. */
export class Pusher {
  readonly #options: PusherOptions;
  /** By the push's id. */
  readonly #running = new Map<string, Running>();
  /** The latest work on parents, by server: one after the other, so that none is created twice. */
  readonly #parents = new Map<string, Promise<unknown>>();

  /** Makes one that has nothing to do. */
  constructor(options: PusherOptions) {
    this.#options = options;
  }

  /** How many are being uploaded or processed. */
  get runningCount(): number {
    return this.#running.size;
  }

  /** Forgets a push: what it was for is gone. */
  forget(id: string): void {
    this.#running.delete(id);
  }

  /**
   * Uploads an SBOM.
   *
   * @returns `busy` when another one of its project is on its way: try again in a moment.
   * @throws {TrackUnavailableError} When trying again can help, {@link TrackRefusedError} when it can't.
   */
  async begin({ id, server, names, sbom }: Push, signal: AbortSignal): Promise<PushState> {
    const project = JSON.stringify([server.endpoint.href, names.project, names.version]);
    if (this.#running.values().some((running) => running.project === project)) return "busy";
    const client = createTrackClient(server, this.#options);
    const until = this.#options.clock.now() + this.#options.processingTimeoutMs;
    const running: Running = { project, client, token: undefined, until };
    this.#running.set(id, running);
    try {
      await checkSbom(sbom, this.#options.maxSbomBytes);
      const parent = await this.#inTurn(
        server.endpoint.href,
        () => findParents(client, names.parents, signal),
      );
      const bom = unpackSbom(sbom, this.#options.maxSbomBytes);
      const upload = {
        projectName: names.project,
        projectVersion: names.version,
        parent,
        tag: names.tag,
        bom,
      };
      running.token = await client.upload(upload, signal);
      return "processing";
    } catch (error) {
      this.#running.delete(id);
      throw error;
    }
  }

  /**
   * Asks how far a push is; one that is known to have been processed, and so forgotten, is done.
   *
   * @throws {TrackUnavailableError} When the server can't say, or takes too long.
   */
  async look(id: string, signal: AbortSignal): Promise<PushState> {
    const running = this.#running.get(id);
    if (!running) return "done";
    if (running.token === undefined) return "busy";
    try {
      if (!await running.client.isProcessing(running.token, signal)) {
        this.#running.delete(id);
        return "done";
      }
    } catch (error) {
      // It may go on all the same, and an answer that gets lost is no reason to upload all of it again.
      if (error instanceof TrackRefusedError || this.#options.clock.now() >= running.until) {
        this.#running.delete(id);
        throw error;
      }
    }
    if (this.#options.clock.now() < running.until) return "processing";
    this.#running.delete(id);
    throw new TrackUnavailableError("track-processing", "The server did not process the SBOM in time");
  }

  async #inTurn<T>(server: string, work: () => Promise<T>): Promise<T> {
    const before = this.#parents.get(server) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#parents.set(server, mine);
    try {
      return await mine;
    } finally {
      if (this.#parents.get(server) === mine) this.#parents.delete(server);
    }
  }
}

/** Finds or creates the parents from the root down, and gives the lowest one's UUID. */
async function findParents(
  client: TrackClient,
  names: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  let parent: string | undefined;
  for (const name of names) parent = await findParent(client, name, parent, signal);
  return parent;
}

async function findParent(
  client: TrackClient,
  name: string,
  above: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  // A name alone may be another parent's project.
  const find = async () =>
    (await client.findProjects(name, signal)).find(({ parent }) => parent === above)?.uuid;
  const uuid = await find() ?? await client.createParent(name, above, signal) ?? await find();
  if (uuid !== undefined) return uuid;
  throw new TrackRefusedError(
    "track-project-elsewhere",
    `Project ${
      JSON.stringify(name)
    } exists, but below another one: move it, or change the templates of names`,
  );
}
