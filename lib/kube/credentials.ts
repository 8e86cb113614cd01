/**
 * How to reach the API server and who we are there: what a client asks for before each request, kept fresh; and the
 * same from a pod's ServiceAccount.
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

/** What one reading gives. */
export interface Credentials {
  /** Certificates that the server's is verified with, besides the system's; PEM. */
  readonly ca: string | undefined;
  /** Bearer token. */
  readonly token: string | undefined;
  /** Our own certificate and its key, PEM. */
  readonly certificate?: { readonly cert: string; readonly key: string } | undefined;
  /** When they end, in milliseconds since the epoch; without it only the minute counts. */
  readonly expiresAt?: number | undefined;
}

/** Options of {@link rotatingAccess}. */
export interface RotatingAccessOptions {
  /** As in {@link ClusterAccess}. */
  readonly server: string;
  /** As in {@link ClusterAccess}. */
  readonly namespace: () => Promise<string>;
  /** Tells when to read again. */
  readonly clock: Clock;
  /** Reads the credentials; `refused` when the server did not take the last ones. */
  readonly read: (options: { refused: boolean }) => Promise<Credentials>;
  /** Ends a reading that is still running. */
  readonly stopReading?: () => void;
}

/**
 * Access with credentials that are read again every minute, when they end, and when the server refused them. Requests
 * that come meanwhile wait for the same reading, and connections stay as long as the certificates do.
 */
export function rotatingAccess(
  { server, namespace, clock, read, stopReading }: RotatingAccessOptions,
): ClusterAccess {
  let current:
    | { credentials: Credentials; client: Deno.HttpClient; certificates: string; readAt: number }
    | undefined;
  let refused = false;
  let closed = false;
  let reading: Promise<void> | undefined;

  async function renew(): Promise<void> {
    const credentials = await read({ refused });
    if (closed) return;
    const certificates = JSON.stringify([credentials.ca, credentials.certificate]);
    const isSame = current?.certificates === certificates;
    const client = current && isSame ? current.client : createClient(credentials);
    // Requests that still run on the old connections finish: closing only stops new ones.
    if (!isSame) current?.client.close();
    current = { credentials, client, certificates, readAt: clock.now() };
    refused = false;
  }

  function isFresh(): boolean {
    if (!current || refused) return false;
    const { readAt, credentials: { expiresAt = Number.POSITIVE_INFINITY } } = current;
    return clock.now() - readAt < REREAD_AFTER_MS && clock.now() < expiresAt;
  }

  async function fresh() {
    if (!isFresh()) await (reading ??= renew().finally(() => reading = undefined));
    if (!current) throw new AppError("credentials-closed", "Cannot use the credentials as they were closed");
    return current;
  }

  return {
    server,
    namespace,
    httpClient: async () => (await fresh()).client,
    headers: async () => {
      const { token } = (await fresh()).credentials;
      return token === undefined ? {} : { authorization: `Bearer ${token}` };
    },
    invalidate: () => {
      refused = true;
    },
    close: () => {
      closed = true;
      stopReading?.();
      current?.client.close();
      current = undefined;
    },
  };
}

/** HTTP/1.1, because it reads large ConfigMaps faster than HTTP/2. */
function createClient({ ca, certificate }: Credentials): Deno.HttpClient {
  return Deno.createHttpClient({ caCerts: ca === undefined ? [] : [ca], http2: false, ...certificate });
}

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
  const { clock, directory, port } = options;
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;

  async function readFile(name: string): Promise<string> {
    try {
      return await options.readTextFile(`${directory}/${name}`);
    } catch (cause) {
      throw new AppError("service-account", `Cannot read ${directory}/${name} of the ServiceAccount`, {
        cause,
      });
    }
  }

  return rotatingAccess({
    server: `https://${host}:${port}`,
    clock,
    namespace: async () => (await readFile("namespace")).trim(),
    read: async () => {
      const [token, ca] = await Promise.all([readFile("token"), readFile("ca.crt")]);
      return { ca, token: token.trim() };
    },
  });
}
