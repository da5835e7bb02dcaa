export { Crashes } from "./crashes.ts";
export { ManualClock, type ManualClockOptions } from "./manual-clock.ts";
export { createProbe, type Observed, Probe } from "./probe.ts";
export { type Residue, residue } from "./residue.ts";
export { collectTrace, type Trace } from "./trace.ts";
