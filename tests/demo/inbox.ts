/**
 * Receives the demo's messages: from the program's standard output, or from the queue of a real RabbitMQ.
 *
 * @module
 */
import { connect } from "amqplib";
import { declareTopology, TOPOLOGY } from "../../lib/broker/connection.ts";

/** A decoded message. */
export type Message = Record<string, unknown>;

/** Messages in order of arrival. */
export interface Inbox extends AsyncDisposable {
  /**
   * Takes the next message.
   *
   * @throws {Error} If no message arrives in time.
   */
  next(): Promise<Message>;
  /** Calls back for every further message. */
  follow(onMessage: (message: Message) => void): void;
  /** Messages that were not taken. */
  rest(): Promise<readonly Message[]>;
}

const NEXT_LIMIT_MS = 15_000;

/** Reads one message per line until the stream ends. */
export function lineInbox(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Inbox {
  const box = new Box();
  const reading = readLines(stream, (line) => box.put(JSON.parse(line)));
  return {
    next: () => box.next(),
    follow: (onMessage) => box.follow(onMessage),
    rest: async () => {
      await reading;
      return box.waiting;
    },
    [Symbol.asyncDispose]: () => reading,
  };
}

/**
 * Reads messages from the insights queue.
 *
 * @param url `amqp://user:password@host:port`.
 * @throws {Error} If the queue is not empty: its messages may belong to someone.
 */
export async function queueInbox(url: string): Promise<Inbox> {
  const connection = await connect(url);
  try {
    const channel = await connection.createChannel();
    await declareTopology(channel);
    const { messageCount } = await channel.checkQueue(TOPOLOGY.queue);
    if (messageCount > 0) {
      throw new Error(
        `Cannot run the demo: queue ${TOPOLOGY.queue} already has ${messageCount} messages. Use an empty queue.`,
      );
    }
    const box = new Box();
    await channel.consume(TOPOLOGY.queue, (delivery) => {
      if (delivery) box.put(JSON.parse(delivery.content.toString()));
    }, { noAck: true });
    return {
      next: () => box.next(),
      follow: (onMessage) => box.follow(onMessage),
      rest: async () => {
        // The broker sends in order, so all deliveries arrive before this response.
        await channel.checkQueue(TOPOLOGY.queue);
        return box.waiting;
      },
      [Symbol.asyncDispose]: () => connection.close(),
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

class Box {
  readonly waiting: Message[] = [];
  #taker: ((message: Message) => void) | undefined;
  #follower: ((message: Message) => void) | undefined;

  follow(onMessage: (message: Message) => void): void {
    this.#follower = onMessage;
  }

  put(message: Message): void {
    if (this.#follower) return this.#follower(message);
    const taker = this.#taker;
    this.#taker = undefined;
    if (taker) taker(message);
    else this.waiting.push(message);
  }

  async next(): Promise<Message> {
    const first = this.waiting.shift();
    if (first) return first;
    const { promise, resolve, reject } = Promise.withResolvers<Message>();
    this.#taker = resolve;
    const timer = setTimeout(
      () => reject(new Error(`No message arrived within ${NEXT_LIMIT_MS / 1000} s`)),
      NEXT_LIMIT_MS,
    );
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }
}

async function readLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  onLine: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  }
  if (rest !== "") onLine(rest);
}
