// Servers
export { Sockets, type SocketsOptions, startSockets } from "./sockets.ts";
export { Listener } from "./listener-handle.ts";
export { type Stayed, type Upgrade, type UpgradeOptions } from "./upgrade.ts";
export { type ConnectionOptions, type ListenerConfig, type ListenerOptions } from "./options.ts";
export { formatAddress, type ListenAddress, type ListenOn, parseListenOn } from "./listen-on.ts";
export { type ListenerStatsSnapshot } from "./stats.ts";

// Connections
export { type Activity, Connection } from "./connection.ts";
export { type CallEvent, type ConnectionEvent, type ConnectionInput } from "./connection-event.ts";
export {
  type ConnectionActions,
  type ConnectionContext,
  type ConnectionExtension,
  connectionMachine,
  type ConnectionMachineEvent,
  type ConnectionSetup,
  type ConnectionTypes,
} from "./connection-machine.ts";
export { type PacketCallbacks, packetMachine } from "./packet-machine.ts";
export { type ConnectionDefinition, type ConnectionMachine } from "./handler.ts";

// Framing
export { createDecoder, type DecoderOptions, encodeFrame, type Framing, type PacketDecoder } from "./framing.ts";

// Access
export {
  type AccessRule,
  type CompiledAccessRules,
  compileAccessRules,
  formatAccessRules,
  isAllowed,
} from "./access-rules.ts";
export { type Cidr, cidrSize, formatCidr, type IpAddress, matchesCidr, parseCidr } from "./cidr.ts";

// Transports
export {
  type Address,
  type ConnectOptions,
  type ListenEvents,
  type ListenSocket,
  type ListenSocketOptions,
  type SocketEvents,
  type SocketOptions,
  type Transport,
  type TransportSocket,
} from "./transport.ts";
export { tcpTransport } from "./transports/tcp.ts";

// Events
export * from "./event.ts";

// Errors
export {
  FrameTooLargeError,
  InvalidOptionError,
  ListenerExistsError,
  ListenError,
  type OptionIssue,
  SocketsError,
  UnknownListenerError,
} from "./errors.ts";
