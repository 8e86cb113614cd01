/**
 * Opens the TCP or TLS connection to RabbitMQ and logs in.
 *
 * @module
 */
import { type ChannelModel, type ConfirmChannel, connect } from "amqplib";
import { readPem } from "../tls/pem.ts";
import { declareTopology } from "./topology.ts";

/** Settings of TLS to the broker. An empty file or server name stands for none. */
export interface BrokerTls {
  /** False accepts any certificate, and with it any server. */
  readonly verify: boolean;
  /** Name that the broker's certificate must have; the host's by default. */
  readonly serverName: string;
  /** PEM; the well-known CAs by default. */
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** The broker's address and our login. */
export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  /** Undefined for a plain connection. */
  readonly tls?: BrokerTls | undefined;
}

/** What the operator can choose of the broker. */
export interface BrokerOptions extends BrokerAddress {
  /** After this time a message without a confirm counts as not delivered. */
  readonly confirmTimeoutMs: number;
  /** Longest wait between two attempts to connect. */
  readonly reconnectCapMs: number;
}

const CONNECT_TIMEOUT_MS = 10_000;

/** Each side notices a dead connection within two to three of these. */
const HEARTBEAT_SECONDS = 10;

/** An open connection with one channel, both as the client library gives them. */
export interface BrokerConnection {
  readonly connection: ChannelModel;
  readonly channel: ConfirmChannel;
  /** Resolves with the reason once the connection has ended; never rejects. */
  readonly ended: Promise<Error | undefined>;
  /** Ends the connection at once. */
  destroySocket(): void;
}

/**
 * Connects, logs in, opens a channel with confirms, and declares the topology. Reads the certificate files each time, so
 * that renewed ones are used without a restart.
 *
 * @param signal Stops the attempt.
 * @throws The socket's, the broker's or the certificate file's error.
 */
export async function openConnection(
  address: BrokerAddress,
  readTextFile: (path: string) => Promise<string>,
  signal: AbortSignal,
): Promise<BrokerConnection> {
  // The library only half-closes a socket, which stays open while a dead peer does not answer.
  const socket = new AbortController();
  const destroySocket = () => socket.abort();
  if (signal.aborted) destroySocket();
  signal.addEventListener("abort", destroySocket, { once: true });
  try {
    const connection = await connectSocket(address, readTextFile, socket.signal);
    const { promise: ended, resolve: end } = Promise.withResolvers<Error | undefined>();
    let failure: Error | undefined;
    const onError = (error: Error) => failure ??= error;
    connection.on("error", onError);
    connection.on("close", (error) => {
      destroySocket();
      end(failure ?? error);
    });
    const channel = await connection.createConfirmChannel();
    // Without a listener, an error would end the process.
    channel.on("error", onError);
    await declareTopology(channel);
    return { connection, channel, ended, destroySocket };
  } catch (error) {
    destroySocket();
    throw error;
  } finally {
    signal.removeEventListener("abort", destroySocket);
  }
}

async function connectSocket(
  address: BrokerAddress,
  readTextFile: (path: string) => Promise<string>,
  signal: AbortSignal,
): Promise<ChannelModel> {
  const tls = address.tls && await readTlsOptions(address.tls, readTextFile);
  // What the library does not know of these, it hands to node:net or node:tls.
  const socketOptions = {
    timeout: CONNECT_TIMEOUT_MS,
    noDelay: true,
    clientProperties: { connection_name: "insights-remote" },
    signal,
    ...tls,
  };
  return await connect({
    protocol: tls ? "amqps" : "amqp",
    hostname: address.host,
    port: address.port,
    // The library sends them as they are: nothing has to be escaped.
    username: address.username,
    password: address.password,
    vhost: "/",
    heartbeat: HEARTBEAT_SECONDS,
  }, socketOptions);
}

async function readTlsOptions(
  { verify, serverName, caFile, certFile, keyFile }: BrokerTls,
  readTextFile: (path: string) => Promise<string>,
) {
  const read = (path: string, option: string, holds: "CERTIFICATE" | "PRIVATE KEY") =>
    readPem({ path, holds, purpose: "TLS to the broker", option }, readTextFile);
  return {
    rejectUnauthorized: verify,
    ...(serverName && { servername: serverName }),
    ...(caFile && { ca: await read(caFile, "RABBITMQ_CACERT", "CERTIFICATE") }),
    ...(certFile && { cert: await read(certFile, "RABBITMQ_CLIENTCERT", "CERTIFICATE") }),
    ...(keyFile && { key: await read(keyFile, "RABBITMQ_CLIENTKEY", "PRIVATE KEY") }),
  };
}
