/**
 * What a TLS connection to the broker is made with: certificates from files, read again for each connection, so that
 * renewed ones are used without a restart.
 *
 * @module
 */
import { type PemFile, readPem } from "../tls/pem.ts";

/** How to connect with TLS; empty names of files, and an empty server name, stand for none. */
export interface BrokerTls {
  /** Whether the broker's certificate is verified. Without it, whoever answers is believed. */
  readonly verify: boolean;
  /** Name that the certificate must have; without it, the host's. */
  readonly serverName: string;
  /** CA certificates, PEM; without them the well-known ones count. */
  readonly caFile: string;
  /** Our certificate, PEM. */
  readonly certFile: string;
  /** Its key, PEM. */
  readonly keyFile: string;
}

/** The options of `node:tls` that the connection is made with. */
export interface TlsSocketOptions {
  /** False when anybody's certificate is taken. */
  readonly rejectUnauthorized: boolean;
  /** Sent to the server, and compared with its certificate. */
  readonly servername?: string;
  /** PEM. */
  readonly ca?: string;
  /** PEM. */
  readonly cert?: string;
  /** PEM. */
  readonly key?: string;
}

/**
 * Reads the files.
 *
 * @throws {Error} Naming the file that can't be read, or doesn't hold what it should, and its option; never its content.
 */
export async function readTlsOptions(
  tls: BrokerTls,
  readTextFile: (path: string) => Promise<string>,
): Promise<TlsSocketOptions> {
  const read = async (name: string, path: string, option: string, holds: PemFile["holds"]) => {
    if (path === "") return {};
    return { [name]: await readPem({ path, holds, purpose: "TLS to the broker", option }, readTextFile) };
  };
  return {
    rejectUnauthorized: tls.verify,
    ...(tls.serverName !== "" && { servername: tls.serverName }),
    ...await read("ca", tls.caFile, "RABBITMQ_CACERT", "CERTIFICATE"),
    ...await read("cert", tls.certFile, "RABBITMQ_CLIENTCERT", "CERTIFICATE"),
    ...await read("key", tls.keyFile, "RABBITMQ_CLIENTKEY", "PRIVATE KEY"),
  };
}
