/**
 * The client's side of TLS: what fixes a handshake that failed, and a guard for all TLS clients of node.
 *
 * @module
 */
import { type DetailedPeerCertificate, TLSSocket } from "node:tls";

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
  return problem === "expired" ? "renew the certificate" : problem && fixes[problem];
}

/**
 * Deno calls this after each handshake, where an error would end the process: a server could do that with a certificate
 * in its chain that Deno cannot parse. A server without a certificate has no name, so verification fails instead.
 */
const { getPeerCertificate } = TLSSocket.prototype;
TLSSocket.prototype.getPeerCertificate = function (this: TLSSocket): DetailedPeerCertificate {
  try {
    return getPeerCertificate.call(this, true) as DetailedPeerCertificate;
  } catch {
    return {} as DetailedPeerCertificate;
  }
};
