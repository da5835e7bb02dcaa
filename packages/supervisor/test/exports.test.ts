import * as supervisor from "@espalier/supervisor";
import { InvalidChildSpecError, InvalidSupervisorFlagsError, SupervisorError } from "@espalier/supervisor";
import { describe, expect, test } from "vitest";

describe("the public surface", () => {
  test("is these values", () => {
    expect(Object.keys(supervisor).toSorted()).toMatchInlineSnapshot(`
      [
        "InvalidChildSpecError",
        "InvalidSupervisorFlagsError",
        "ProgressReport",
        "SupervisorError",
        "SupervisorReport",
        "adoptChild",
        "backoffDelay",
        "checkChildSpecs",
        "child",
        "countChildren",
        "defineDynamicSupervisor",
        "defineSupervisor",
        "deleteChild",
        "getChildSpec",
        "isOrderlyEnd",
        "restartChild",
        "shutdownAll",
        "shutdownChild",
        "startApplication",
        "startChild",
        "startDynamicChild",
        "terminateChild",
        "whichChildren",
      ]
    `);
  });

  test("has errors with a name, a code, and a common base", () => {
    const errors = [
      new InvalidChildSpecError({ problem: "missingId", path: "id", value: undefined, message: "no id" }),
      new InvalidSupervisorFlagsError({ problem: "invalidPeriod", path: "periodMs", value: 0, message: "no period" }),
    ];
    expect(errors.map(({ name, code, problem, value, message }) => ({ name, code, problem, value, message }))).toEqual([
      {
        name: "InvalidChildSpecError",
        code: "ERR_INVALID_CHILD_SPEC",
        problem: "missingId",
        value: undefined,
        message: "no id",
      },
      {
        name: "InvalidSupervisorFlagsError",
        code: "ERR_INVALID_SUPERVISOR_FLAGS",
        problem: "invalidPeriod",
        value: 0,
        message: "no period",
      },
    ]);
    for (const error of errors) expect(error).toBeInstanceOf(SupervisorError);
  });
});
