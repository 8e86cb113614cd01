/** The whole program splits the path of a deletion as the client sent it, byte for byte. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { issueToken } from "../../lib/tokens.ts";
import { flagsOf, mallocSettings } from "../fixtures/bundle.ts";
import { freePorts } from "../fixtures/ports.ts";
import { startProgram, WITHOUT_CLUSTER } from "../fixtures/program.ts";
import { parseAnswers, RawClient } from "../fixtures/raw_client.ts";

const SECRET = "the-secret-of-the-raw-paths-test";
const TOKEN = issueToken(SECRET, {
  namespace: "proj-main",
  environmentId: "3",
  projectName: "proj",
  environmentName: "main",
});

/** What follows `/facts/`, and the source and service that core receives. */
const DELETED: readonly (readonly [path: string, source: string, service?: string])[] = [
  ["App\\Scanner", "App\\Scanner"],
  ["App\\Scanner/cli", "App\\Scanner", "cli"],
  ["x/..", "x", ".."],
  ["x/.", "x", "."],
  ["..", ".."],
  ["%2e%2E", ".."],
  ["a%2Fb%5Cc%00d", "a/b\\c\0d"],
  ["a%252Fb", "a%2Fb"],
  ["C#/.NET", "C#", ".NET"],
  ["D%C3%A9j%C3%A0-vu/%E2%82%AC?a=b", "Déjà-vu", "€"],
  ['a"<>|^`{}', 'a"<>|^`{}'],
  ["plain?x=/../y#z", "plain"],
];

const NOT_ASCII = "Path and query must be ASCII: percent-encode all other characters as UTF-8";

const REFUSED: readonly (readonly [path: string | Uint8Array, status: number, message: string])[] = [
  ["x/../site2", 404, "There is nothing at this path"],
  ["../problems/site2", 404, "There is nothing at this path"],
  ["./x/y", 404, "There is nothing at this path"],
  ["é", 400, NOT_ASCII],
  ["x/€", 400, NOT_ASCII],
  [new Uint8Array([0x61, 0xe9]), 400, NOT_ASCII],
  ["a?b=é", 400, NOT_ASCII],
  ["a%E9", 400, "The path must be percent-encoded UTF-8"],
];

Deno.test("a deletion removes exactly the source in the path that was sent", async () => {
  const [webPort = 0, healthPort = 0] = freePorts(2);
  await using program = startProgram({
    webPort,
    healthPort,
    command: ["run", ...flagsOf("start"), "main.ts"],
    env: {
      ...mallocSettings(),
      ...WITHOUT_CLUSTER,
      INSIGHTS_TOKEN_SECRET: SECRET,
      RABBITMQ_ENABLED: "false",
    },
  });
  let printed = "";
  const reading = program.stdout.pipeThrough(new TextDecoderStream()).pipeTo(
    new WritableStream({ write: (text) => void (printed += text) }),
  );
  await program.untilReady();

  async function deletion(before: string, path: string | Uint8Array) {
    const head = `Host: x\r\nAuthorization: ${TOKEN}\r\nConnection: close\r\n\r\n`;
    using client = await RawClient.sending(
      webPort,
      Buffer.concat([
        Buffer.from(`DELETE ${before}`),
        Buffer.from(path),
        Buffer.from(` HTTP/1.1\r\n${head}`),
      ]),
    );
    const [answer] = parseAnswers(await client.untilClosed());
    return { ...JSON.parse(answer?.body ?? "{}"), status: answer?.status };
  }

  const expected = [];
  for (const list of ["facts", "problems"]) {
    for (const origin of ["", "http://some.host:80"]) {
      for (const [path, source, service = ""] of DELETED) {
        const { status, message } = await deletion(`${origin}/${list}/`, path);
        assert.deepEqual([status, message], [200, "okay"], path);
        expected.push({ type: `direct.delete.${list}`, environment: 3, source, service });
      }
      for (const [path, status, message] of REFUSED) {
        const answer = await deletion(`${origin}/${list}/`, path);
        assert.deepEqual([answer.status, answer.message], [status, message], String(path));
      }
    }
  }
  await program.stop();
  await reading;
  const messages = printed.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  assert.deepEqual(messages, expected);
});
