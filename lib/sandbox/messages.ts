/**
 * What the two sides of the sandbox tell each other. All of it is plain data.
 *
 * @module
 */
import type { CommandResult } from "../command.ts";
import type { Config } from "../config/config.ts";
import type { ClusterSource } from "./cluster.ts";

/** What the service is started with. */
export interface ServiceStart {
  /** What it is built from. */
  readonly config: Config;
  /** Undefined when nothing asks the API server. */
  readonly cluster: ClusterSource | undefined;
  /** The program's version, for the log. */
  readonly version: string;
  /** The options that differ from their defaults, without secrets, for the log. */
  readonly description: Readonly<Record<string, unknown>>;
}

/** From the process to the service. */
export type ToService =
  | { readonly kind: "start"; readonly start: ServiceStart }
  /** Asks it to stop in order. */
  | { readonly kind: "stop" }
  | { readonly kind: "credentials"; readonly id: number; readonly result: CommandResult };

/** From the service to the process. */
export type FromService =
  /** Sent first: messages before it would be lost. */
  | { readonly kind: "listening" }
  /**
   * Asks for the exec plugin of the kubeconfig's context to be run, which a Worker may not: the process knows the command,
   * and takes no other. `execInfo` is what the plugin is told of the cluster.
   */
  | { readonly kind: "run-exec-plugin"; readonly id: number; readonly execInfo: string }
  | { readonly kind: "stopped" }
  /** It could not start, or could not go on. */
  | { readonly kind: "failed"; readonly reason: string };
