/**
 * How to reach the API server: a client's address, certificates and token, kept fresh.
 *
 * @module
 */
import { type Clock, unlessAborted } from "../clock.ts";
import { AppError } from "../errors.ts";

/** What a client needs for a request. Ask before each one, since tokens and certificates rotate. */
export interface ClusterAccess {
  /** Base URL without a slash at the end. */
  readonly server: string;
  /** HTTP client with the cluster's certificates; `undefined` for the default one. */
  httpClient(): Promise<Deno.HttpClient | undefined>;
  /** Headers that authenticate the program. */
  headers(): Promise<Record<string, string>>;
  /** The program's own namespace. */
  namespace(): Promise<string>;
  /** Reads the credentials again before the next request, because the server refused the current ones. */
  invalidate(): void;
  /** Closes the connections. */
  close(): void;
}

/** Credentials may change on disk; the kubelet renews a token long before it expires. */
const REREAD_AFTER_MS = 60_000;

/** The error of `fetch` would quote any other token. */
const IN_A_HEADER = /^[\x20-\x7e]*$/;

/** Plain data, so that it can be sent to a Worker. Certificates and keys are PEM. */
export interface Credentials {
  /** Trusted besides the system's CAs. */
  readonly ca: string | undefined;
  readonly token: string | undefined;
  readonly certificate?: { readonly cert: string; readonly key: string } | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt?: number | undefined;
}

/** Options of {@link rotatingAccess}. */
export interface RotatingAccessOptions {
  readonly server: string;
  readonly namespace: () => Promise<string>;
  readonly clock: Clock;
  /** Reads the credentials; `refused` when the server did not accept the last ones. */
  readonly read: (options: { readonly refused: boolean }) => Promise<Credentials>;
}

/**
 * Access whose credentials are read again every minute, when they expire, and when the server refuses them. Concurrent
 * requests share one read, and connections stay open as long as the certificates are the same.
 */
export function rotatingAccess({ server, namespace, clock, read }: RotatingAccessOptions): ClusterAccess {
  interface Current {
    readonly credentials: Credentials;
    readonly client: Deno.HttpClient;
    readonly certificates: string;
    readonly readAt: number;
  }
  let current: Current | undefined;
  let refused = false;
  let reading: Promise<Current> | undefined;
  const closing = new AbortController();

  async function renew(): Promise<Current> {
    const credentials = await read({ refused });
    closing.signal.throwIfAborted();
    if (!IN_A_HEADER.test(credentials.token ?? "")) {
      throw new AppError(
        "token",
        `Cannot use the token for ${server}: it has characters that a header can't have`,
      );
    }
    const certificates = JSON.stringify([credentials.ca, credentials.certificate]);
    const previous = current;
    const isSame = previous?.certificates === certificates;
    const client = isSame ? previous.client : createClient(server, credentials);
    // Requests on the old connections still finish: closing only prevents new ones.
    if (!isSame) previous?.client.close();
    refused = false;
    return current = { credentials, client, certificates, readAt: clock.monotonic() };
  }

  function isFresh({ readAt, credentials: { expiresAt = Number.POSITIVE_INFINITY } }: Current): boolean {
    return !refused && clock.monotonic() - readAt < REREAD_AFTER_MS && clock.now() < expiresAt;
  }

  async function fresh(): Promise<Current> {
    closing.signal.throwIfAborted();
    if (current && isFresh(current)) return current;
    reading ??= renew().finally(() => reading = undefined);
    return await unlessAborted(reading, closing.signal);
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
      closing.abort(new AppError("credentials-closed", "The connection to the API server was closed"));
      current?.client.close();
      current = undefined;
    },
  };
}

/** Uses HTTP/1.1, which reads large ConfigMaps faster than HTTP/2. */
function createClient(server: string, { ca, certificate }: Credentials): Deno.HttpClient {
  try {
    return Deno.createHttpClient({ caCerts: ca === undefined ? [] : [ca], http2: false, ...certificate });
  } catch (cause) {
    throw new AppError(
      "certificates",
      `Cannot use the CA, or the client certificate and key, for ${server}`,
      {
        cause,
      },
    );
  }
}

/** Where a pod finds the API server and its token. */
export interface ServiceAccount {
  /** Folder with `token`, `ca.crt` and `namespace`. */
  readonly directory: string;
  /** `KUBERNETES_SERVICE_HOST`. */
  readonly host: string;
  /** `KUBERNETES_SERVICE_PORT`. */
  readonly port: string;
}

/** Options of {@link serviceAccountAccess}. */
export interface ServiceAccountOptions extends ServiceAccount {
  readonly clock: Clock;
  readonly readTextFile: (path: string) => Promise<string>;
}

/**
 * Access as the pod's ServiceAccount.
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
