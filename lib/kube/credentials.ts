/**
 * How to reach the API server and who we are there: from the pod's ServiceAccount.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { Clock } from "../clock.ts";

/** Everything a client needs for one request; asked for before each, since tokens and certificates rotate. */
export interface ClusterAccess {
  /** Base URL without a slash at the end. */
  readonly server: string;
  /** HTTP client with the cluster's certificates; `undefined` for the default one. */
  httpClient(): Promise<Deno.HttpClient | undefined>;
  /** Headers that say who we are. */
  headers(): Promise<Record<string, string>>;
  /** The namespace that we live in. */
  namespace(): Promise<string>;
  /** Reads the credentials again at the next request, because the server refused the ones in use. */
  invalidate(): void;
  /** Closes the connections. */
  close(): void;
}

/** How long a token or certificate that was read from a file is used before it is read again. */
const REREAD_AFTER_MS = 60_000;

/** Options of {@link serviceAccountAccess}. */
export interface ServiceAccountOptions {
  /** Folder with `token`, `ca.crt` and `namespace`. */
  readonly directory: string;
  /** `KUBERNETES_SERVICE_HOST`. */
  readonly host: string;
  /** `KUBERNETES_SERVICE_PORT`. */
  readonly port: string;
  /** Tells when to read the files again. */
  readonly clock: Clock;
  /** Reads a file as text. */
  readonly readTextFile: (path: string) => Promise<string>;
}

/**
 * Access as the pod's ServiceAccount. Token and CA certificate are read again every minute, as the kubelet
 * renews the token long before it expires.
 *
 * @throws {AppError} Code `service-account`, from the returned functions, when a file can't be read.
 */
export function serviceAccountAccess(options: ServiceAccountOptions): ClusterAccess {
  const { clock, directory } = options;
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  let current: { token: string; ca: string; client: Deno.HttpClient; readAt: number } | undefined;
  let expired = false;
  let reading: Promise<void> | undefined;

  async function read(): Promise<void> {
    const [token, ca] = await Promise.all([readFile("token"), readFile("ca.crt")]);
    const client = current && current.ca === ca ? current.client : createClient([ca]);
    // Requests that still run on the old connections finish: closing only stops new ones.
    if (current && current.client !== client) current.client.close();
    current = { token: token.trim(), ca, client, readAt: clock.now() };
    expired = false;
  }

  async function readFile(name: string): Promise<string> {
    try {
      return await options.readTextFile(`${directory}/${name}`);
    } catch (cause) {
      throw new AppError("service-account", `Cannot read ${directory}/${name} of the ServiceAccount`, {
        cause,
      });
    }
  }

  async function fresh(): Promise<{ token: string; client: Deno.HttpClient }> {
    const isStale = !current || expired || clock.now() - current.readAt >= REREAD_AFTER_MS;
    if (isStale) await (reading ??= read().finally(() => reading = undefined));
    if (!current) throw new AppError("service-account", "Cannot use the ServiceAccount as it was closed");
    return current;
  }

  return {
    server: `https://${host}:${options.port}`,
    httpClient: async () => (await fresh()).client,
    headers: async () => ({ authorization: `Bearer ${(await fresh()).token}` }),
    namespace: async () => (await readFile("namespace")).trim(),
    invalidate: () => {
      expired = true;
    },
    close: () => {
      current?.client.close();
      current = undefined;
    },
  };
}

/**
 * An HTTP client for the API server. HTTP/1.1, because it reads large ConfigMaps faster than HTTP/2.
 *
 * @param caCertificates PEM texts that are trusted besides the system's.
 * @param certificate Our own certificate and key, PEM.
 */
export function createClient(
  caCertificates: string[],
  certificate?: { cert: string; key: string },
): Deno.HttpClient {
  return Deno.createHttpClient({ caCerts: caCertificates, http2: false, ...certificate });
}
