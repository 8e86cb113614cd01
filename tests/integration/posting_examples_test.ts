/** Runs the examples of docs/posting.md against the whole program, and checks the messages that it sends. */
import assert from "node:assert/strict";
import { issueToken } from "../../lib/tokens.ts";
import { freePorts } from "../fixtures/ports.ts";
import { expectedMessages, needsRunner, readExamples, runExample } from "../fixtures/posting_examples.ts";
import { startProgram, WITHOUT_CLUSTER } from "../fixtures/program.ts";
import { ENVIRONMENT } from "../routes/fixture.ts";

const SECRET = "a-secret-of-the-platform";
const token = issueToken(SECRET, ENVIRONMENT);
const examples = await readExamples();
const expected = expectedMessages(Deno.build.os === "linux" ? "Linux" : "Darwin");

Deno.test("docs/posting.md has an example for each language, and each one is run", () => {
  assert.deepEqual(examples.map(({ heading }) => heading), Object.keys(expected));
});

Deno.test("The examples of docs/posting.md deliver the expected messages", async (t) => {
  const [webPort = 0, healthPort = 0] = freePorts(2);
  const program = startProgram({
    webPort,
    healthPort,
    env: {
      ...WITHOUT_CLUSTER,
      INSIGHTS_TOKEN_SECRET: SECRET,
      RABBITMQ_ENABLED: "false",
    },
  });
  const printed = new Response(program.stdout).text();
  const run: string[] = [];
  try {
    await program.untilReady();
    for (const example of examples) {
      await t.step({
        ...needsRunner(example),
        fn: async () => {
          const { code, stdout, stderr } = await runExample(example, { url: program.webUrl, token });
          assert.equal(code, 0, stderr);
          if (example.language === "sh") {
            assert.equal(stdout, '{"message":"okay"}'.repeat(expected[example.heading]!.length));
          }
          run.push(example.heading);
        },
      });
    }
  } finally {
    await program.stop();
  }
  const messages = (await printed).trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(messages, run.flatMap((heading) => expected[heading]!));
});
