/**
 * Describes what goes wrong with RabbitMQ in one line that says what to do. The client library's own texts name protocol
 * frames, which don't help an operator.
 *
 * @module
 */
import { describeError } from "../errors.ts";
import { certificateFix } from "../tls/client.ts";
import type { BrokerAddress } from "./connection.ts";

const CERTIFICATE_FIXES = {
  untrusted: "set RABBITMQ_CACERT to the CA that signed it",
  otherName: "set RABBITMQ_SERVER_NAME to a name in the certificate",
  clientCertificate: "set RABBITMQ_CLIENTCERT and RABBITMQ_CLIENTKEY to ours",
};

/**
 * Describes why a connection could not be opened, or ended. Never holds the password.
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
  switch (error instanceof Error && "code" in error ? error.code : undefined) {
    case 403:
      return `Cannot declare exchange and queue at ${broker}: ${user} needs configure, write and read ` +
        `permissions for them: ${text}`;
    case 406:
      return `Cannot use the exchange or queue at ${broker}: it does not have Lagoon's properties; ` +
        `delete it, or have Lagoon core declare it: ${text}`;
    default:
      return text;
  }
}
