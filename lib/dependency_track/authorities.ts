/**
 * The CAs that may have signed the certificate of a Dependency-Track server: the well-known ones, or for the operator's
 * server those in a file.
 *
 * @module
 */
import { describeError } from "../errors.ts";
import { readPem } from "../tls/pem.ts";
import { DependencyTrackUnavailableError } from "./errors.ts";

/** The CAs that are trusted for one server. */
export interface Authorities {
  /**
   * Reads their certificates in PEM; undefined for the well-known ones. Called for each connection.
   *
   * @throws {DependencyTrackUnavailableError} Code `track-authorities`, naming file and option.
   */
  read(): Promise<string | undefined>;
  /** What to do when none of them has signed the server's certificate. */
  readonly advice: string;
}

/** For servers that sites name: the operator's CAs must neither restrict nor extend these. */
export const WELL_KNOWN_AUTHORITIES: Authorities = {
  read: () => Promise.resolve(undefined),
  advice: "the server needs one of a well-known CA",
};

const OPTION = "DEPENDENCY_TRACK_CACERT";

/**
 * For the operator's server. The file is read for each connection, so that a new CA needs no restart.
 *
 * @param path Empty for the well-known CAs.
 */
export function operatorsAuthorities(
  path: string,
  readTextFile: (path: string) => Promise<string>,
): Authorities {
  const file = { path, holds: "CERTIFICATE", purpose: "TLS to Dependency-Track", option: OPTION } as const;
  return {
    async read() {
      if (path === "") return undefined;
      try {
        return await readPem(file, readTextFile);
      } catch (error) {
        throw new DependencyTrackUnavailableError("track-authorities", describeError(error));
      }
    },
    advice: `give the CA that signed it in ${OPTION}`,
  };
}
