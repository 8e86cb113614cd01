/**
 * The options of delivery: ConfigMaps, and the broker that takes all messages.
 *
 * @module
 */
import { option } from "./option.ts";
import { boolean, file, hostPort, integer, schedule, text } from "./values.ts";

const DAY_MINUTES = 24 * 60;

/** ConfigMaps. */
export const CONFIG_MAP_OPTIONS = {
  configMapsEnabled: option(
    "enable-configmap-reconciler",
    boolean,
    "true",
    "Ship insights ConfigMaps to Lagoon core.",
  ),
  burnAfterReading: option(
    "burn-after-reading",
    boolean,
    "false",
    "Delete a ConfigMap once it is processed.",
  ),
  clearSchedule: option(
    "clear-configmap-sched",
    schedule,
    "* * * * *",
    "Accepted and without effect: deferred ConfigMaps go again at their very time, so nothing is polled.",
  ),
  deferredEnabled: option(
    "enable-insights-deferred",
    boolean,
    "true",
    "Send deferred ConfigMaps again when their time has come. (The Go remote's default is false: nothing is ever sent again.)",
  ),
  maxRetries: option(
    "configmap-reconciler-max-retries",
    integer(0, 1000),
    "0",
    "How often sending may fail before a ConfigMap is given up; 0 for no limit. (Go remote: 3.)",
  ),
  retryMinutes: option(
    "configmap-reconciler-mins-between-retries",
    integer(1, DAY_MINUTES),
    "5",
    "Minutes until a ConfigMap that could not be sent goes again. (Go remote: 3.)",
  ),
  maxConcurrent: option(
    "configmap-reconciler-max-concurrent",
    integer(1, 64),
    "1",
    "How many ConfigMaps are sent at the same time.",
  ),
  maxBytesInFlight: option(
    "configmap-reconciler-max-bytes",
    integer(1_500_000, 1_000_000_000),
    "6000000",
    "Payloads of ConfigMaps in memory at the same time, in bytes, however many are sent at the same time.",
  ),
  coreOptIn: option(
    "core-insights-opt-in",
    boolean,
    "false",
    'Send only ConfigMaps annotated core.insights.lagoon.sh/enabled="true". Without it, all that are not annotated otherwise.',
  ),
} as const;

/** The broker. */
export const BROKER_OPTIONS = {
  brokerEnabled: option(
    "rabbitmq-enabled",
    boolean,
    "true",
    "Send messages to RabbitMQ; false prints them on standard output, one JSON document a line.",
  ),
  brokerUsername: option("rabbitmq-username", text, "guest", "User at the broker."),
  brokerPassword: option("rabbitmq-password", text, "guest", "Password at the broker.", { secret: true }),
  brokerAddress: option(
    "rabbitmq-hostname",
    hostPort,
    "localhost",
    "Where the broker is; port 5672, or with TLS 5671, unless given.",
    { env: "RABBITMQ_ADDRESS" },
  ),
  brokerTls: option("rabbitmq-tls", boolean, "false", "Connect with TLS."),
  brokerVerify: option(
    "rabbitmq-verify",
    boolean,
    "true",
    "Verify the broker's certificate. Without it whoever answers at the broker's address is believed, and gets user, password and messages. (The Go remote always verifies, whatever this says.)",
  ),
  brokerServerName: option(
    "rabbitmq-server-name",
    text,
    "",
    "Name that the broker's certificate must have, where it isn't the broker's host.",
  ),
  brokerCaFile: option(
    "rabbitmq-cacert",
    file,
    "",
    "CA certificates that the broker's certificate is verified with, PEM; the well-known ones without it. This file and the two below are read again for each connection.",
  ),
  brokerCertFile: option("rabbitmq-clientcert", file, "", "Our certificate for the broker, PEM."),
  brokerKeyFile: option("rabbitmq-clientkey", file, "", "Key of our certificate for the broker, PEM."),
  reconnectSeconds: option(
    "rabbitmq-reconnect-retry-interval",
    integer(1, 3600),
    "30",
    "Longest wait between two tries to connect, in seconds; the first ones come sooner.",
  ),
  confirmSeconds: option(
    "rabbitmq-confirm-timeout",
    integer(1, 600),
    "10",
    "How long the broker may take to confirm a message, in seconds.",
  ),
} as const;
