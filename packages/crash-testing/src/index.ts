// Looking for crashes
export { type CrashSearch, findCrash } from "./find-crash.ts";
export { type CrashOptions } from "./crash-options.ts";
export { type Requirements } from "./requirements.ts";
export { type Probe, type Surroundings, type Target, type TargetOperation } from "./target.ts";
export { type Operation, type Plan } from "./plan.ts";
export { decodePlan, encodePlan } from "./codec.ts";
export { type Failure } from "./run.ts";
export { CrashFoundError, CrashTestingError, PlanTextError, UncontrolledNondeterminismError } from "./errors.ts";

// Determinism
export { audit, type AuditOptions, type AuditResult, type Difference } from "./audit.ts";
export { RunHash } from "./run-hash.ts";
export { armTripwires, type UncontrolledGlobal } from "./tripwire.ts";

// The simulated world
export { Choices, type Chooser, type Decide, replaying, Stream } from "./choices.ts";
export { type Deviation, type Kind, KINDS, LATENCIES, TLS_LATENCIES } from "./deviation.ts";
export { type Injection, World, type WorldOptions } from "./world.ts";
export { type SimNetwork, simNetwork, type SimNetworkOptions } from "./network.ts";
export { Peer, type PeerEvent, type PeerNetwork, type PeerState } from "./peer.ts";
export { type AnswerOf, SimTls, simTls, type SimTlsOptions } from "./tls/sim-tls.ts";
export {
  arbBytes,
  arbPeer,
  arbPeers,
  type BytesOptions,
  type PeerOptions,
  type PeersOptions,
} from "./peer-arbitrary.ts";
export { type PeerOp, type PeerProxy, type PeerScript } from "./peer-script.ts";

// Properties of fast-check
export { arbPlan, type DrawnPlan, type PlanOptions } from "./plan-arbitrary.ts";
export { runPlan } from "./run-plan.ts";
export { arbFaults, type Faults, type FaultsOptions } from "./faults.ts";
export { arbKnobs } from "./knob-arbitrary.ts";
export { actorCommands, type ActorModel, type CommandRun, type Stage } from "./actor-commands.ts";

// Supervision trees
export { arbTree, type TreeOptions } from "./tree/tree-arbitrary.ts";
export { buildTree, treeChild } from "./tree/build-tree.ts";
export { obeysOtp } from "./tree/obeys-otp.ts";
export {
  type OwnEnd,
  type StartOutcome,
  type TreePool,
  type TreeSpec,
  type TreeSupervisor,
  type TreeWorker,
} from "./tree/tree-spec.ts";
export { type Ending, type ModelFlags, type PoolFlags } from "./tree/supervisor-rules.ts";

// Invariants
export {
  type Invariant,
  type LawNames,
  type Phase,
  type RunView,
  type Watch,
  type Watched,
  type WatchedNetwork,
  type WatchedWorld,
} from "./invariant.ts";
export { standard, type StandardOptions } from "./invariants/standard.ts";
export { always } from "./invariants/always.ts";
export { never, type NeverOptions } from "./invariants/never.ts";
export { ownCrashes, type OwnCrashesOptions } from "./invariants/own-crashes.ts";
export { staysAtMost } from "./invariants/stays-at-most.ts";
export { within, type WithinTrigger } from "./invariants/within.ts";
export { type Duration } from "./invariants/duration.ts";
export { type MachineFilter } from "./invariants/machines.ts";
export { clientsGet, type Model } from "./invariants/model.ts";
