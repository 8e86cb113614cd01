/**
 * The client's side of TLS: its settings, and what fixes a handshake that failed.
 *
 * @module
 */

/** Settings of a TLS client. An empty file or server name stands for none. */
export interface ClientTls {
  /** False accepts any certificate, and with it any server. */
  readonly verify: boolean;
  /** Name that the server's certificate must have; the host's by default. */
  readonly serverName: string;
  /** PEM; the well-known CAs by default. */
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** What fixes each problem with certificates. */
export interface CertificateFixes {
  /** The certificate's issuer is not trusted. */
  readonly untrusted: string;
  /** The certificate has other names. */
  readonly otherName: string;
  /** The server asks for a certificate of ours. */
  readonly clientCertificate?: string;
}

const PROBLEMS: Readonly<Record<string, keyof CertificateFixes | "expired">> = {
  SELF_SIGNED_CERT_IN_CHAIN: "untrusted",
  DEPTH_ZERO_SELF_SIGNED_CERT: "untrusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "untrusted",
  ERR_TLS_CERT_ALTNAME_INVALID: "otherName",
  CERT_HAS_EXPIRED: "expired",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "clientCertificate",
};

/** Chooses the fix for a failed handshake by its error's code; undefined when certificates are not the problem. */
export function certificateFix(error: unknown, fixes: CertificateFixes): string | undefined {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const problem = Object.hasOwn(PROBLEMS, code) ? PROBLEMS[code] : undefined;
  if (problem === undefined) return undefined;
  return problem === "expired" ? "renew the certificate" : fixes[problem];
}
