/**
 * The publisher for runs without a broker: each message becomes one line of JSON.
 *
 * @module
 */
import type { OutgoingMessage, Publisher } from "./publisher.ts";

/**
 * Makes a publisher that prints messages, one a line.
 *
 * @param write Takes a line with its line end; it must write all of it before it returns.
 */
export function createConsolePublisher(write: (line: Uint8Array) => void): Publisher {
  return {
    publish: ({ body }: OutgoingMessage) => {
      const line = new Uint8Array(body.length + 1);
      line.set(body);
      line[body.length] = "\n".charCodeAt(0);
      write(line);
      return Promise.resolve();
    },
    isReady: () => true,
    waitUntilReady: () => Promise.resolve(true),
  };
}
