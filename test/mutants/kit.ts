/*
 * What the corpus uses of the crash-testing package. By path: the search itself is no part of its public surface, which
 * offers it as a test.
 */
export { decodePlan, encodePlan } from "../../packages/crash-testing/src/codec.ts";
export { type Kind, LATENCIES } from "../../packages/crash-testing/src/deviation.ts";
export { replaying } from "../../packages/crash-testing/src/choices.ts";
export type { Invariant, Phase, RunView, Watch, Watched } from "../../packages/crash-testing/src/invariant.ts";
export { standard } from "../../packages/crash-testing/src/invariants/standard.ts";
export { arbBytes, arbPeers } from "../../packages/crash-testing/src/peer-arbitrary.ts";
export type { PeerScript } from "../../packages/crash-testing/src/peer-script.ts";
export type { PeerEvent } from "../../packages/crash-testing/src/peer.ts";
export { replayOnSockets } from "../../packages/crash-testing/src/real/replay-on-sockets.ts";
export { explain } from "../../packages/crash-testing/src/report.ts";
export { run } from "../../packages/crash-testing/src/run.ts";
export { search } from "../../packages/crash-testing/src/search.ts";
export { type StatechartMutant, statechartMutants } from "../../packages/crash-testing/src/statechart-mutants.ts";
export type { Target } from "../../packages/crash-testing/src/target.ts";
export { arbTree } from "../../packages/crash-testing/src/tree/tree-arbitrary.ts";
export { buildTree } from "../../packages/crash-testing/src/tree/build-tree.ts";
export { obeysOtp } from "../../packages/crash-testing/src/tree/obeys-otp.ts";
export type { TreeSupervisor } from "../../packages/crash-testing/src/tree/tree-spec.ts";
