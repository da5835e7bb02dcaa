import * as actors from "@espalier/actors";
import * as testing from "@espalier/actors/testing";
import { expect, test } from "vitest";

test("the public surface of the package is this", () => {
  expect(Object.keys(actors).toSorted()).toMatchInlineSnapshot(`
    [
      "ActorDeadError",
      "ActorsError",
      "BadReturnError",
      "CallExitError",
      "CallMessage",
      "CallTimeoutError",
      "CallingSelfError",
      "CastMessage",
      "ChildEndedError",
      "CodeChangeError",
      "CrashReport",
      "Down",
      "Exit",
      "InvalidOptionError",
      "MailboxFullError",
      "MissingCallbackError",
      "NoProcessError",
      "Pid",
      "ReceiveInProgressError",
      "RegistrationError",
      "Resource",
      "Response",
      "Started",
      "System",
      "SystemStoppedError",
      "Timeout",
      "UnsupportedMachineError",
      "actorOf",
      "createSystem",
      "defineServer",
      "describeValue",
      "failure",
      "formatReason",
      "formatTree",
      "fromAsync",
      "fromMachine",
      "ignore",
      "isExitReason",
      "isExpected",
      "kill",
      "killed",
      "nodeHost",
      "noproc",
      "noreply",
      "normal",
      "ok",
      "reply",
      "request",
      "shutdown",
      "silentLogger",
      "statem",
      "stop",
      "stopReply",
      "sys",
      "toMermaid",
    ]
  `);
});

test("the public surface of sys is this", () => {
  expect(Object.keys(actors.sys).toSorted()).toMatchInlineSnapshot(`
    [
      "changeCode",
      "countStatistics",
      "getLog",
      "getState",
      "getStatistics",
      "getStatus",
      "log",
      "replaceState",
      "resume",
      "stopActor",
      "suspend",
      "swapCode",
      "trace",
      "traceTransitions",
    ]
  `);
});

test("the public surface of the testing entry point is this", () => {
  expect(Object.keys(testing).toSorted()).toMatchInlineSnapshot(`
    [
      "ManualClock",
      "Probe",
      "collectTrace",
      "createProbe",
      "residue",
    ]
  `);
});
