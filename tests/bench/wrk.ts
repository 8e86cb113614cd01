/**
 * The load generator, a process of its own: wrk, as distributions have it.
 *
 * @module
 */

/** What is sent. */
export interface Load {
  readonly url: string;
  readonly body: string;
  /** Those of the requests, in turn. */
  readonly tokens: readonly string[];
  /** Each sends its next request when it has the answer of the one before. */
  readonly connections: number;
  readonly seconds: number;
}

/** What came back. */
export interface Answers {
  /** How many, all of them 2xx. */
  readonly count: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Prints what wrk itself prints in words, for programs. */
const SCRIPT = `
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local requests = {}
local last = 0
function init(args)
  for token in string.gmatch(os.getenv("BENCH_TOKENS"), "[^ ]+") do
    wrk.headers["Authorization"] = token
    requests[#requests + 1] = wrk.format("POST", nil, nil, os.getenv("BENCH_BODY"))
  end
end
function request()
  last = last % #requests + 1
  return requests[last]
end
function done(summary, latency)
  local errors = summary.errors
  print(string.format('RESULT {"count":%d,"microseconds":%d,"p50":%d,"p99":%d,"failed":%d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
`;

/**
 * Sends for a time, and waits for the end.
 *
 * @throws {Error} When an answer is not 2xx, or none comes.
 */
export async function sendLoad({ url, body, tokens, connections, seconds }: Load): Promise<Answers> {
  const script = await Deno.makeTempFile({ suffix: ".lua" });
  try {
    await Deno.writeTextFile(script, SCRIPT);
    const { stdout, stderr } = await new Deno.Command("wrk", {
      args: ["-t1", `-c${connections}`, `-d${seconds}s`, "--latency", "-s", script, url],
      env: { BENCH_TOKENS: tokens.join(" "), BENCH_BODY: body },
      stdin: "null",
    }).output();
    const text = new TextDecoder().decode(stdout);
    const line = /^RESULT (.*)$/m.exec(text)?.[1];
    if (line === undefined) throw new Error(`wrk gave no result: ${new TextDecoder().decode(stderr)}`);
    const { count, microseconds, p50, p99, failed } = JSON.parse(line);
    if (failed > 0 || count === 0) throw new Error(`${failed} of ${count} requests failed:\n${text}`);
    return { count, perSecond: count / microseconds * 1e6, p50Ms: p50 / 1000, p99Ms: p99 / 1000 };
  } finally {
    await Deno.remove(script);
  }
}
