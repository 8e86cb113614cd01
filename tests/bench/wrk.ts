/**
 * Runs the load generator wrk.
 *
 * @module
 */

export interface Load {
  readonly url: string;
  readonly body: string;
  /** Used in turn. */
  readonly tokens: readonly string[];
  /** Number of connections; each sends its next request after the response to the previous one. */
  readonly connections: number;
  readonly seconds: number;
}

export interface LoadResult {
  /** Number of responses, all of them 2xx. */
  readonly count: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Makes wrk print its results as JSON. */
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
 * Sends requests for the given time.
 *
 * @throws {Error} If a request fails, or there is no response.
 */
export async function sendLoad({ url, body, tokens, connections, seconds }: Load): Promise<LoadResult> {
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
    if (line === undefined) throw new Error(`wrk printed no result: ${new TextDecoder().decode(stderr)}`);
    const { count, microseconds, p50, p99, failed } = JSON.parse(line);
    if (failed > 0 || count === 0) throw new Error(`${failed} of ${count} requests failed:\n${text}`);
    return { count, perSecond: count / microseconds * 1e6, p50Ms: p50 / 1000, p99Ms: p99 / 1000 };
  } finally {
    await Deno.remove(script);
  }
}
