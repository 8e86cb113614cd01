/**
 * What goes wrong between us and RabbitMQ, as one line that says what to do. The client library's own texts name
 * protocol frames, which tell an operator nothing.
 *
 * @module
 */
import { describeError, UnavailableError } from "../errors.ts";
import { TOPOLOGY } from "./topology.ts";

/** What the line names; never the password. */
export interface BrokerIdentity {
  /** Name or IP address. */
  readonly host: string;
  /** TCP port. */
  readonly port: number;
  /** Who we are there. */
  readonly username: string;
}

const TLS_ADVICE: Readonly<Record<string, string>> = {
  SELF_SIGNED_CERT_IN_CHAIN: "give the CA that signed it in RABBITMQ_CACERT",
  DEPTH_ZERO_SELF_SIGNED_CERT: "give the CA that signed it in RABBITMQ_CACERT",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "give the CA that signed it in RABBITMQ_CACERT",
  ERR_TLS_CERT_ALTNAME_INVALID: "give the name that it has in RABBITMQ_SERVER_NAME",
  CERT_HAS_EXPIRED: "renew it",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "give ours in RABBITMQ_CLIENTCERT and RABBITMQ_CLIENTKEY",
};

/**
 * Describes why a connection could not be made, or ended.
 *
 * @param error What the socket or the client library raised.
 */
export function describeBrokerError(error: unknown, { host, port, username }: BrokerIdentity): string {
  const broker = `${host}:${port}`;
  const text = describeError(error);
  const code = codeOf(error);
  if (typeof code === "string" && Object.hasOwn(TLS_ADVICE, code)) {
    return `Cannot connect to ${broker} with TLS as certificates don't fit: ${text}: ${TLS_ADVICE[code]}`;
  }
  if (/^Handshake terminated by server: 403/.test(text)) {
    return `Cannot log in at ${broker} as user ${JSON.stringify(username)}: ` +
      `check RABBITMQ_USERNAME and RABBITMQ_PASSWORD`;
  }
  // The library drops what the broker says at this point of the handshake.
  if (/ConnectionOpenOk; got <ConnectionClose/.test(text)) {
    return `Cannot open virtual host / at ${broker} as it must exist, and user ${JSON.stringify(username)} ` +
      "must have permissions in it";
  }
  if (code === 406) {
    return `Cannot use the exchange or queue at ${broker} as it must have Lagoon's properties: ` +
      `delete it there, or have it declared as Lagoon core does: ${text}`;
  }
  if (code === 403) {
    return `Cannot declare exchange and queue at ${broker} as user ${JSON.stringify(username)} must have ` +
      `configure, write and read permissions for them: ${text}`;
  }
  return text;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/** What a message's end means: undefined when it was delivered. */
export function outcome(refusal: unknown, returned: boolean): Error | undefined {
  if (refusal) return unavailable("broker-refused", "the broker did not take it", refusal);
  if (returned) return unavailable("broker-unroutable", `no queue is bound to exchange ${TOPOLOGY.exchange}`);
  return undefined;
}

/** The library raises the same class for both, with this text for the broker's own refusal. */
export function isNack(refusal: unknown): boolean {
  return refusal instanceof Error && refusal.message === "message nacked";
}

/** A message that was not delivered, and why. */
export function unavailable(code: string, reason: string, cause?: unknown): UnavailableError {
  return new UnavailableError(code, `Cannot deliver the message as ${reason}`, cause ? { cause } : {});
}

/** A message whose confirm did not come in time; it may have arrived. */
export function confirmTimeout(milliseconds: number): UnavailableError {
  return new UnavailableError(
    "broker-confirm-timeout",
    `Cannot call the message delivered as no confirm came within ${milliseconds / 1000} s`,
  );
}
