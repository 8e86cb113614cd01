/**
 * The certificate of a TLS server. It is read again while the server runs, so that a renewed one is used without a
 * restart.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import { type Clock, delay } from "../clock.ts";
import { AppError, describeError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { readPem } from "./pem.ts";
import type { ServerCertificate } from "./self_signed.ts";

/** Returns the certificate to use now. */
export type ReadCertificate = () => Promise<ServerCertificate>;

/** The server's side of TLS. */
export interface TlsServer {
  /** Puts TLS around a client's connection and begins the handshake, which has no time limit of its own. */
  wrap(socket: Socket): Socket;
  /** Stops reading the certificate. */
  close(): Promise<void>;
}

const REREAD_MS = 60_000;

/**
 * Reads the certificate, and reads it again every minute. While that fails, the last good one stays in use.
 *
 * @throws When the first one can't be read or used.
 */
export async function createTlsServer(
  readCertificate: ReadCertificate,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<TlsServer> {
  let current = await readCertificate();
  let context = createContext(current);
  const closing = new AbortController();

  async function reread(): Promise<void> {
    const next = await readCertificate();
    if (next.certificate === current.certificate && next.key === current.key) return;
    context = createContext(next);
    current = next;
    log.info("Certificate changed", { validTo: new X509Certificate(next.certificate).validTo });
  }

  async function rereadEveryMinute(): Promise<void> {
    while (true) {
      await delay(clock, REREAD_MS, closing.signal);
      await reread().catch((error) =>
        log.warn("Cannot use the renewed certificate; the last good one stays in use", {
          error: describeError(error),
        })
      );
    }
  }

  const rereading = rereadEveryMinute().catch(() => {});
  return {
    wrap: (socket) => new TLSSocket(socket, { isServer: true, secureContext: context }),
    async close() {
      closing.abort();
      await rereading;
    },
  };
}

/** Checks the pair first: node accepts anything as a certificate, and only clients notice. */
function createContext({ certificate, key }: ServerCertificate): SecureContext {
  let isPair: boolean;
  try {
    isPair = new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch {
    // Without the cause, whose text could quote the key.
    throw new AppError("certificate", "Cannot use the certificate and its key: both must be PEM");
  }
  // Renewed files may be read while only one of them has been replaced.
  if (!isPair) {
    throw new AppError("certificate", "Cannot use the certificate: the key belongs to another one");
  }
  return createSecureContext({ cert: certificate, key });
}

/** Creates a function that reads the certificate from files; its errors name the file and its option. */
export function certificateFromFiles(
  { certFile, keyFile }: { readonly certFile: string; readonly keyFile: string },
  readTextFile: (path: string) => Promise<string>,
): ReadCertificate {
  const purpose = "TLS on /metrics";
  const certificate = { path: certFile, holds: "CERTIFICATE", purpose, option: "METRICS_CERT_FILE" } as const;
  const key = { path: keyFile, holds: "PRIVATE KEY", purpose, option: "METRICS_KEY_FILE" } as const;
  return async () => ({
    certificate: await readPem(certificate, readTextFile),
    key: await readPem(key, readTextFile),
  });
}
