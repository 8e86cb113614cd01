/**
 * Messages between the process and the service in its Worker. All of it is plain data.
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import type { Credentials } from "../kube/credentials.ts";
import type { Cluster } from "./cluster.ts";

/** What the service starts with. */
export interface ServiceStart {
  readonly config: Config;
  readonly cluster: Cluster;
  /** For the log. */
  readonly version: string;
  /** Options that differ from their defaults, without secrets, for the log. */
  readonly description: Readonly<Record<string, unknown>>;
}

/** From the process to the service. */
export type ToService =
  | { readonly kind: "start"; readonly start: ServiceStart }
  /** Asks for a graceful stop. */
  | { readonly kind: "stop" }
  | { readonly kind: "credentials"; readonly id: number; readonly credentials: Credentials }
  | { readonly kind: "no-credentials"; readonly id: number; readonly reason: string };

/** From the service to the process. */
export type FromService =
  /** The first message. Messages to the service before it would be lost. */
  | { readonly kind: "listening" }
  /** Asks for the kubeconfig's credentials; `refused` when the API server did not accept the last ones. */
  | { readonly kind: "read-credentials"; readonly id: number; readonly refused: boolean }
  | { readonly kind: "stopped" }
  /** It could not start, or not continue. */
  | { readonly kind: "failed"; readonly reason: string };
