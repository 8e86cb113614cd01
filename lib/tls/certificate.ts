/**
 * The certificate of a TLS server. It is read again while the server runs, so that a renewed one is used without a
 * restart.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import type { Clock } from "../clock.ts";
import { AppError, describeError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { createSelfSigned, SELF_SIGNED_VALID_MS, type ServerCertificate } from "./self_signed.ts";

/** Returns the certificate to use now. */
export type ReadCertificate = () => Promise<ServerCertificate>;

/** The server's side of TLS. */
export interface TlsServer {
  /** Puts TLS around a client's connection and begins the handshake, which has no time limit of its own. */
  wrap(socket: Socket): Socket;
  /** Stops reading the certificate. */
  close(): Promise<void>;
}

/** What {@link createTlsServer} needs. */
export interface TlsServerOptions {
  /** Called at once, and then every minute. */
  readonly readCertificate: ReadCertificate;
  readonly clock: Clock;
  readonly log: Logger;
}

const REREAD_MS = 60_000;

/**
 * Reads the certificate, and reads it again every minute. While that fails, the last good one stays in use.
 *
 * @throws {AppError} Code `certificate`, when the first one can't be read or used.
 */
export async function createTlsServer(options: TlsServerOptions): Promise<TlsServer> {
  const { readCertificate, clock, log } = options;
  let current = await readCertificate();
  let context = createContext(current);
  let cancel = () => {};
  let reading: Promise<void> | undefined;

  async function reread(): Promise<void> {
    try {
      const next = await readCertificate();
      if (next.certificate === current.certificate && next.key === current.key) return;
      context = createContext(next);
      current = next;
      log.info("Certificate changed", { validTo: new X509Certificate(next.certificate).validTo });
    } catch (error) {
      log.warn("Cannot use the renewed certificate; the last good one stays in use", {
        error: describeError(error),
      });
    }
  }

  function rereadLater(): void {
    cancel = clock.setTimer(REREAD_MS, () => {
      rereadLater();
      reading ??= reread().finally(() => reading = undefined);
    });
  }

  rereadLater();
  return {
    wrap: (socket) => new TLSSocket(socket, { isServer: true, secureContext: context }),
    async close() {
      cancel();
      await reading;
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

/**
 * Creates a function that reads the certificate from files.
 *
 * @throws {AppError} Code `certificate`, from that function, naming the file that can't be read.
 */
export function certificateFromFiles(
  { certFile, keyFile }: { readonly certFile: string; readonly keyFile: string },
  readTextFile: (path: string) => Promise<string>,
): ReadCertificate {
  const read = (path: string) =>
    readTextFile(path).catch((cause) => {
      throw new AppError("certificate", `Cannot read ${path} for TLS`, { cause });
    });
  return async () => ({ certificate: await read(certFile), key: await read(keyFile) });
}

/** Creates a function that returns a self-signed certificate, and another one after half of its lifetime. */
export function selfSignedCertificate(hostname: string, clock: Clock): ReadCertificate {
  let createdAt = clock.now();
  let pair = createSelfSigned(hostname, createdAt);
  return () => {
    const now = clock.now();
    if (now - createdAt > SELF_SIGNED_VALID_MS / 2) {
      createdAt = now;
      pair = createSelfSigned(hostname, now);
    }
    return Promise.resolve(pair);
  };
}
