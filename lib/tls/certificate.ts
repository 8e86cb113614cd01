/**
 * The certificate of a server that speaks TLS: kept up to date while the server runs, so that a renewed one is used
 * without a restart.
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

export type { ServerCertificate } from "./self_signed.ts";

/** Gives the certificate that is to be used now. */
export type ReadCertificate = () => Promise<ServerCertificate>;

/** The server's side of TLS. */
export interface TlsServer {
  /** Puts TLS around a connection of a client; its handshake has begun and has no limit of its own. */
  wrap(socket: Socket): Socket;
  /** Stops looking for another certificate. */
  close(): Promise<void>;
}

/** What {@link createTlsServer} needs. */
export interface TlsServerOptions {
  /** Asked at once, and then once a minute. */
  readonly readCertificate: ReadCertificate;
  /** Time. */
  readonly clock: Clock;
  /** Told when the certificate changes, and when another one can't be used. */
  readonly log: Logger;
}

/** How often it is looked for another certificate, in milliseconds. */
const REREAD_MS = 60_000;

/**
 * Reads the certificate, and goes on looking for another one. While that can't be read or used, the one before stays.
 *
 * @throws {AppError} Code `certificate`, when the first one can't be read or used.
 */
export async function createTlsServer(options: TlsServerOptions): Promise<TlsServer> {
  const { readCertificate, clock, log } = options;
  let current = await readCertificate();
  let context = createContext(current);
  let cancel = () => {};
  let reading: Promise<void> | undefined;

  async function readAgain(): Promise<void> {
    try {
      const next = await readCertificate();
      if (next.certificate === current.certificate && next.key === current.key) return;
      context = createContext(next);
      current = next;
      log.info("Certificate changed", { validTo: new X509Certificate(next.certificate).validTo });
    } catch (error) {
      log.warn("Certificate not read again; the one before stays in use", { error: describeError(error) });
    }
  }

  function readLater(): void {
    cancel = clock.setTimer(REREAD_MS, () => {
      readLater();
      reading ??= readAgain().finally(() => reading = undefined);
    });
  }

  readLater();
  return {
    wrap: (socket) => new TLSSocket(socket, { isServer: true, secureContext: context }),
    async close() {
      cancel();
      await reading;
    },
  };
}

/** Node takes anything for a certificate, and tells only the client that it is none. */
function createContext({ certificate, key }: ServerCertificate): SecureContext {
  let isPair: boolean;
  try {
    isPair = new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch {
    // The error's text could quote the key.
    throw new AppError("certificate", "Cannot use the certificate and its key as both must be PEM");
  }
  // Renewed files can be read between the one and the other.
  if (!isPair) throw new AppError("certificate", "Cannot use the certificate as the key must be its own");
  return createSecureContext({ cert: certificate, key });
}

/** Where a certificate is; both names are set. */
export interface CertificateFiles {
  /** PEM; the server's own certificate comes first. */
  readonly certFile: string;
  /** PEM. */
  readonly keyFile: string;
}

/**
 * Makes the function that reads a certificate from files.
 *
 * @throws {AppError} Code `certificate`, from that function, naming the file that can't be read.
 */
export function certificateFromFiles(
  { certFile, keyFile }: CertificateFiles,
  readTextFile: (path: string) => Promise<string>,
): ReadCertificate {
  const read = (path: string) =>
    readTextFile(path).catch((cause) => {
      throw new AppError("certificate", `Cannot read ${path} for TLS`, { cause });
    });
  return async () => ({ certificate: await read(certFile), key: await read(keyFile) });
}

/** Makes the function that gives a self-signed certificate: the same one until half of its time is over. */
export function selfSignedCertificate(hostname: string, clock: Clock): ReadCertificate {
  let made: { readonly pair: ServerCertificate; readonly at: number } | undefined;
  return () => {
    const now = clock.now();
    if (made === undefined || now - made.at > SELF_SIGNED_VALID_MS / 2) {
      made = { pair: createSelfSigned(hostname, now), at: now };
    }
    return Promise.resolve(made.pair);
  };
}
