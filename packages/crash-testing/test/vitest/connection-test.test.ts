import { expect, test } from "vitest";
import { VitestProject } from "../support/vitest-project.ts";

/** A connection that answers each packet with a line, with these options of its listener. */
function file(options: string): string {
  return `
    import { connectionTest } from "@espalier/crash-testing/vitest";
    import { connectionMachine } from "@espalier/sockets";

    const machine = connectionMachine().createMachine({
      context: ({ input }) => ({ connection: input.connection }),
      initial: "waiting",
      states: {
        waiting: { on: { socketReady: "open" } },
        open: { entry: "activate", on: { data: { actions: [{ type: "send", params: "got it\\n" }, "activate"] } } },
      },
    });
    connectionTest("each line is answered once", machine, { conversations: ["a\\nb\\n"], options: ${options} });
  `;
}

test("a handler that does not care where its bytes are cut passes, one that does fails with the cut", async () => {
  const project = new VitestProject({
    "lines.test.ts": file('{ packet: "line", acceptors: 1 }'),
    "raw.test.ts": file("{ acceptors: 1 }"),
  });
  const { output } = await project.test();
  project.remove();
  expect(output).toMatch(/Test Files {2}1 failed \| 1 passed/);
  expect(output).toMatch(/^no failure in \d+ runs: cut 3, pause 3, byte by byte 1, .*crash \d+/m);
  expect(output).toMatch(/FAIL {2}raw\.test\.ts > each line is answered once/);
  expect(output).toContain("✗ I15-bytes: the client received");
  expect(output).toContain('What was done     10.0.0.1 connects at 0 ms, sends "a\\nb\\n", ends its direction');
  expect(output).toMatch(/What was unusual {2}read #1 at the server's end of 10\.0\.0\.1#1 brings 1 byte only/);
  // It is not a plan alone that has failed, but a plan that came to something else than another one.
  expect(output).not.toContain("CRASH_REPLAY");
}, 120_000);
