/**
 * The options of posts, and of the tokens that they carry.
 *
 * @module
 */
import { option, optional } from "./option.ts";
import { boolean, integer, labelKey, port, text } from "./values.ts";

/** Posts and tokens. */
export const WEB_OPTIONS = {
  webEnabled: option("enable-webservice", boolean, "true", "Take facts and problems over HTTP."),
  webPort: option("webservice-port", port, "8888", "Port for facts and problems."),
  maxBodyBytes: option(
    "webservice-max-body-bytes",
    integer(1024, 16 * 1024 * 1024),
    "10485760",
    "Largest body of a request, in bytes.",
  ),
  maxItems: option(
    "webservice-max-items",
    integer(1, 1_000_000),
    "10000",
    "Most facts or problems in one request; more are answered with 413.",
  ),
  maxItemBytes: option(
    "webservice-max-item-bytes",
    integer(1024, 16 * 1024 * 1024),
    "1048576",
    "Largest fact or problem, in bytes; larger ones are answered with 413.",
  ),
  maxJsonDepth: option(
    "webservice-max-json-depth",
    integer(3, 10_000),
    "32",
    "How deep arrays and objects of a body may be in each other; deeper ones are answered with 400.",
  ),
  maxInFlight: option(
    "webservice-max-in-flight",
    integer(2, 10_000),
    "256",
    "How many requests are served at the same time; more are answered with 429. One environment may have one part in n + 1 of them, where n environments have any.",
  ),
  maxBufferedBytes: option(
    "webservice-max-buffered-bytes",
    integer(1024, 1_000_000_000),
    "16777216",
    "Bodies of requests in memory at the same time, in bytes, until they are confirmed; what would be more is answered with 429. One environment may have four fifths; a request that needs more alone is answered with 413.",
  ),
  maxLargeBodies: option(
    "webservice-max-large-bodies",
    integer(1, 100),
    "3",
    "Of how many environments a body above 64 KiB is received at the same time; each takes tens of megabytes on its way. Others wait for their turn.",
  ),
  largeBodySeconds: option(
    "webservice-large-body-wait",
    integer(1, 60),
    "5",
    "How long a body above 64 KiB waits for that, in seconds, before it is answered with 429; as long as a whole request may take to arrive, or less.",
  ),
  maxConnections: option(
    "webservice-max-connections",
    integer(16, 100_000),
    "512",
    "How many connections are open at the same time. For one more, the one that has been without a whole request for longest is closed.",
  ),
  headerSeconds: option(
    "webservice-header-timeout",
    integer(1, 60),
    "5",
    "How long the head of a request may take to arrive, and a connection may be idle, in seconds.",
  ),
  requestSeconds: option(
    "webservice-request-timeout",
    integer(1, 300),
    "10",
    "How long a whole request may take to arrive, in seconds.",
  ),
  tokensEnabled: option(
    "enable-namespace-reconciler",
    boolean,
    "true",
    "Keep a Secret with a token in the namespace of each Lagoon environment.",
  ),
  tokenSecret: option(
    "insights-token-secret",
    text,
    "",
    "Signs and verifies tokens; at least 16 bytes. Required for posts and tokens.",
    { secret: true },
  ),
  previousSecret: option(
    "insights-token-previous-secret",
    text,
    "",
    "Tokens signed with this one are accepted, too, while a changed secret spreads.",
    { secret: true },
  ),
  targetLabel: option(
    "token-target-label",
    optional(labelKey),
    "",
    "Only namespaces that carry this label get a token.",
  ),
} as const;
