import { beyondOtp } from "./beyond-otp.ts";
import { calls } from "./calls.ts";
import { deaths } from "./deaths.ts";
import { dynamicSupervisors } from "./dynamic-supervisors.ts";
import { exits } from "./exits.ts";
import { functions } from "./functions.ts";
import { inspection } from "./inspection.ts";
import { machineChanges } from "./machine-changes.ts";
import { machineChildren } from "./machine-children.ts";
import { machines } from "./machines.ts";
import { mailboxes } from "./mailboxes.ts";
import { management } from "./management.ts";
import { monitors } from "./monitors.ts";
import { names } from "./names.ts";
import { processes } from "./processes.ts";
import { restarts } from "./restarts.ts";
import { servers } from "./servers.ts";
import { statems } from "./statem.ts";
import { supervisors } from "./supervisors.ts";
import { timing } from "./timers.ts";
import type { Clause } from "./stage.ts";

/** All scenes, in the order of the semantics. */
export const clauses: readonly Clause[] = [
  ...processes,
  ...mailboxes,
  ...exits,
  ...monitors,
  ...deaths,
  ...names,
  ...calls,
  ...timing,
  ...servers,
  ...functions,
  ...machines,
  ...statems,
  ...machineChanges,
  ...machineChildren,
  ...inspection,
  ...supervisors,
  ...restarts,
  ...management,
  ...dynamicSupervisors,
  ...beyondOtp,
];
