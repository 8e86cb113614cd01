/**
 * Who may have signed the certificate of a Dependency-Track server: the well-known CAs, or, for the operator's own server
 * alone, those in a file.
 *
 * @module
 */
import { describeError } from "../errors.ts";
import { readPem } from "../tls/pem.ts";
import { TrackUnavailableError } from "./errors.ts";

/** The CAs that count for a server. */
export interface Authorities {
  /**
   * Gives their certificates, PEM; undefined for the well-known ones. Called for each connection.
   *
   * @throws {TrackUnavailableError} Code `track-authorities`, naming file and option, when they can't be read or used.
   */
  read(): Promise<string | undefined>;
  /** What to do when none of them has signed the server's certificate. */
  readonly advice: string;
}

/** What counts for servers that sites name: a site must not depend on whom the operator trusts, nor add to it. */
export const WELL_KNOWN_AUTHORITIES: Authorities = {
  read: () => Promise.resolve(undefined),
  advice: "the server needs one of a well-known CA",
};

const OPTION = "DEPENDENCY_TRACK_CACERT";

/**
 * What counts for the operator's server. The file is read for each connection, so that a CA that has been exchanged is used
 * without a restart.
 *
 * @param path Empty for none; then the well-known CAs count.
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
        throw new TrackUnavailableError("track-authorities", describeError(error));
      }
    },
    advice: `give the CA that signed it in ${OPTION}`,
  };
}
