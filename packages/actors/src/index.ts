// Systems
export { createSystem, System, type SystemOptions } from "./system.ts";
export { type Cancel, type ErrorAttribution, type Host } from "./host.ts";
export { nodeHost } from "./node-host.ts";
export { type InjectedEnd, type Simulation } from "./simulation.ts";
export { type Logger, type LogLevel, silentLogger } from "./logger.ts";

// Actors
export { type ActorRef, type Callable, type Castable, type Destination, Pid } from "./pid.ts";
export {
  type Caller,
  type Context,
  type Labelled,
  type MailboxOptions,
  type Spawner,
  type SpawnOptions,
} from "./context.ts";
export {
  type Adoption,
  type Behaviour,
  type Definition,
  type FreshMatch,
  type Match,
  type Process,
  type Progress,
  Started,
  type StartResult,
  type Waiting,
} from "./behaviour.ts";
export { type Outcome, request } from "./request.ts";
export { Resource } from "./resource.ts";

// Servers
export {
  defineServer,
  type Ignore,
  ignore,
  type Next,
  type NoReply,
  noreply,
  type Ok,
  ok,
  type Reply,
  reply,
  type ServerCallbacks,
  type ServerRef,
  type ServerTypes,
  type Signal,
  type Stop,
  stop,
  type StopReply,
  stopReply,
  Timeout,
} from "./server.ts";

// Async functions
export { type AsyncContext, type AsyncOptions, fromAsync, type Incoming } from "./async.ts";

// Machines
export {
  actorOf,
  fromMachine,
  type InfoEvent,
  type MachineInput,
  machineOf,
  type MachineOptions,
  type MachineRef,
  type MachineState,
  type Migrate,
  type NewMachineState,
  type ShutdownEvent,
} from "./machine.ts";
export * as statem from "./statem.ts";

// Messages
export {
  type Call,
  type CallEnding,
  CallMessage,
  type CallOptions,
  CastMessage,
  type From,
  type ReplyOf,
  type RequestId,
  type RequestOf,
  type RequestOptions,
  Response,
} from "./call.ts";
export { Down, Exit, type MonitorRef } from "./monitor.ts";
export { type Deadline, type TimerRef } from "./timer.ts";

// Exits
export {
  type ExitReason,
  failure,
  formatReason,
  isExitReason,
  isExpected,
  kill,
  killed,
  noproc,
  normal,
  shutdown,
} from "./exit-reason.ts";

// Inspection
export { formatTree, type ProcessInfo, type ProcessView, type SystemFigures, type SystemInfo } from "./inspect.ts";
export { type MermaidOptions, toMermaid } from "./mermaid.ts";
export * as sys from "./sys.ts";
export * from "./event.ts";

// Errors
export { closestName } from "./closest-name.ts";
export {
  ActorDeadError,
  ActorsError,
  BadReturnError,
  CallExitError,
  CallingSelfError,
  CallTimeoutError,
  ChildEndedError,
  CodeChangeError,
  describeValue,
  InjectedCrashError,
  InvalidOptionError,
  MailboxFullError,
  MissingCallbackError,
  NoProcessError,
  ReceiveInProgressError,
  RegistrationError,
  SystemStoppedError,
  UnsupportedMachineError,
} from "./errors.ts";
