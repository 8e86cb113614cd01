/**
 * Opens the TCP or TLS connection to RabbitMQ and logs in.
 *
 * @module
 */
import { type ChannelModel, connect } from "amqplib";
import { unlessAborted } from "../clock.ts";
import { type BrokerTls, readTlsOptions } from "./tls.ts";

/** Where the broker is and who we are there. */
export interface BrokerAddress {
  /** Name or IP address. */
  readonly host: string;
  /** TCP port. */
  readonly port: number;
  /** May hold any characters. */
  readonly username: string;
  /** May hold any characters. */
  readonly password: string;
  /** Without it, a plain connection. */
  readonly tls?: BrokerTls | undefined;
}

/** Limit for connecting and for the handshake, in milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Both sides notice a dead connection within two to three of these. */
const HEARTBEAT_SECONDS = 10;

/**
 * Connects and logs in, within 10 seconds.
 *
 * @param readTextFile Reads the certificates.
 * @throws The socket's, the broker's or the file's error, or the signal's reason when it aborts first.
 */
export async function openConnection(
  address: BrokerAddress,
  readTextFile: (path: string) => Promise<string>,
  signal: AbortSignal,
): Promise<ChannelModel> {
  signal.throwIfAborted();
  const tls = address.tls && await readTlsOptions(address.tls, readTextFile);
  const connecting = connect(
    {
      protocol: tls ? "amqps" : "amqp",
      hostname: address.host,
      port: address.port,
      // The library puts them into the handshake as they are: nothing has to be escaped.
      username: address.username,
      password: address.password,
      vhost: "/",
      heartbeat: HEARTBEAT_SECONDS,
    },
    {
      timeout: CONNECT_TIMEOUT_MS,
      noDelay: true,
      clientProperties: { connection_name: "insights-remote" },
      ...tls,
    },
  );
  try {
    return await unlessAborted(connecting, signal);
  } catch (error) {
    // The library cannot cancel a connection: one that opens too late is closed.
    connecting.then(destroyConnection, () => {});
    throw error;
  }
}

/**
 * Closes the socket at once, whatever the other side says. The library only ever half-closes it, which leaves it
 * open for as long as a peer that is gone does not answer.
 */
export function destroyConnection(connection: ChannelModel): void {
  const { stream } = connection.connection as { stream?: { destroy(error?: Error): void } };
  connection.on("error", () => {});
  stream?.destroy(new Error("The connection was given up"));
}
