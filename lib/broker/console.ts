/**
 * The publisher for runs without a broker: prints each message as one line of JSON.
 *
 * @module
 */
import type { BrokerPublisher } from "./publisher.ts";

/**
 * Creates a publisher that prints messages.
 *
 * @param write Takes a line with its line end, and has written all of it when it returns.
 */
export function createConsolePublisher(write: (line: Uint8Array) => void): BrokerPublisher {
  return {
    run: () => Promise.resolve(),
    publish({ body }) {
      const line = new Uint8Array(body.length + 1);
      line.set(body);
      line[body.length] = "\n".charCodeAt(0);
      write(line);
      return Promise.resolve();
    },
    isReady: () => true,
    waitUntilReady: () => Promise.resolve(undefined),
  };
}
