/**
 * The CAs that may have signed the certificate of the operator's Dependency-Track server.
 *
 * @module
 */
import { describeError } from "../errors.ts";
import { readPem } from "../tls/pem.ts";
import { DependencyTrackUnavailableError } from "./errors.ts";

/**
 * Reads the operator's CA certificates, in PEM; undefined for the well-known CAs.
 *
 * @param path Empty for the well-known CAs.
 * @throws {DependencyTrackUnavailableError} Code `track-authorities`, naming file and option.
 */
export async function readAuthorities(
  path: string,
  readTextFile: (path: string) => Promise<string>,
): Promise<string | undefined> {
  if (path === "") return undefined;
  const option = "DEPENDENCY_TRACK_CACERT";
  try {
    return await readPem(
      { path, holds: "CERTIFICATE", purpose: "TLS to Dependency-Track", option },
      readTextFile,
    );
  } catch (error) {
    throw new DependencyTrackUnavailableError("track-authorities", describeError(error));
  }
}
