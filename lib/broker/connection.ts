/**
 * Opens the TCP or TLS connection to RabbitMQ, logs in, and describes what goes wrong.
 *
 * @module
 */
import { type Channel, type ChannelModel, type ConfirmChannel, connect } from "amqplib";
import { describeError } from "../errors.ts";
import { certificateFix } from "../tls/client.ts";
import { readPem } from "../tls/pem.ts";

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

/** The exchange and queue that this program and Lagoon core both declare (docs/protocol.md, "Messages"). */
export const TOPOLOGY = {
  exchange: "lagoon-insights",
  queue: "lagoon-insights:items",
  /** With any other key the broker drops the message, and confirms it all the same. */
  routingKey: "",
} as const;

const CONNECT_TIMEOUT_MS = 10_000;

/** Each side notices a dead connection within two to three of these. */
const HEARTBEAT_SECONDS = 10;

/**
 * Largest frame in either direction, in bytes: RabbitMQ's default. The library accepts 64 MiB before the login, from anyone who
 * answers at the broker's address.
 */
const MAX_FRAME_BYTES = 128 * 1024;

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
    frameMax: MAX_FRAME_BYTES,
    maxFrameSize: MAX_FRAME_BYTES,
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

/**
 * Declares exchange, queue and binding; changes nothing when they exist.
 *
 * @throws An error with code 406 when one exists with other properties.
 */
export async function declareTopology(channel: Channel): Promise<void> {
  await channel.assertExchange(TOPOLOGY.exchange, "direct", { durable: true, autoDelete: false });
  await channel.assertQueue(TOPOLOGY.queue, { durable: true, exclusive: false, autoDelete: false });
  await channel.bindQueue(TOPOLOGY.queue, TOPOLOGY.exchange, TOPOLOGY.routingKey);
}

/** AMQP's class of what concerns messages, not exchanges and queues. */
const BASIC_CLASS = 60;

const CERTIFICATE_FIXES = {
  untrusted: "set RABBITMQ_CACERT to the CA that signed it",
  otherName: "set RABBITMQ_SERVER_NAME to a name in the certificate",
  clientCertificate: "set RABBITMQ_CLIENTCERT and RABBITMQ_CLIENTKEY to ours",
};

/**
 * Describes why a connection could not be opened, or ended, in one line that says what to do. The client library's own texts
 * name protocol frames, which don't help an operator. Never holds the password.
 *
 * @param error What the socket or the client library raised.
 */
export function describeBrokerError(
  error: unknown,
  { host, port, username }: Pick<BrokerAddress, "host" | "port" | "username">,
): string {
  const broker = `${host}:${port}`;
  const user = `user ${JSON.stringify(username)}`;
  const text = describeError(error);
  const fix = certificateFix(error, CERTIFICATE_FIXES);
  if (fix) return `Cannot connect to ${broker} with TLS: ${text}: ${fix}`;
  // During the handshake the library gives no codes, only these two texts; a test pins them.
  if (/^Handshake terminated by server: 403/.test(text)) {
    return `Cannot log in at ${broker} as ${user}: check RABBITMQ_USERNAME and RABBITMQ_PASSWORD`;
  }
  if (/ConnectionOpenOk; got <ConnectionClose/.test(text)) {
    return `Cannot open virtual host / at ${broker}: it must exist, and ${user} needs permissions in it`;
  }
  const { code, classId } = Object(error) as { readonly code?: unknown; readonly classId?: unknown };
  switch (code) {
    case 403:
      return `Cannot declare exchange and queue at ${broker}: ${user} needs configure, write and read ` +
        `permissions for them: ${text}`;
    case 406:
      if (classId === BASIC_CLASS) return `${broker} closed the channel because of a message: ${text}`;
      return `Cannot use the exchange or queue at ${broker}: it does not have Lagoon's properties; ` +
        `delete it, or have Lagoon core declare it: ${text}`;
    default:
      return text;
  }
}
