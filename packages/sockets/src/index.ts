// Servers
export { Sockets, type SocketsOptions, startSockets } from "./sockets.ts";
export { type EmbeddedListener, type EmbeddedUdpListener, embedListener, embedUdpListener } from "./embed.ts";
export { Listener, type ListenerInfo, type ListenerStatus, type ListenerTraffic } from "./listener-handle.ts";
export {
  type Comparison,
  type Drained,
  type DrainOnSignalOptions,
  drainOnSignal,
  type DrainOptions,
  type SignalSource,
} from "./drain.ts";
export { type Stayed, type Upgrade, type UpgradeOptions } from "./upgrade.ts";
export { type AlarmName, type AlarmOptions, type Threshold } from "./alarm.ts";
export { type ConnectionOptions, type ListenerConfig, type ListenerOptions } from "./options.ts";
export { type OverloadFacts, type OverloadHook } from "./limit-options.ts";
export { type ListeningFacts, type ListenOccasion, type PostListenHook } from "./post-listen.ts";
export { formatAddress, type ListenAddress, type ListenOn, parseListenOn, type UnixListenOn } from "./listen-on.ts";
export { type ListenerStatsSnapshot } from "./stats.ts";

// Connections
export { Connection, type ConnectionStat, type ReceiveOptions } from "./connection.ts";
export { type Activity } from "./intake.ts";
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
export { type ConnectorCallbacks, type ConnectorMeta, type ConnectorTypes, fromConnector } from "./connector.ts";
export * as connector from "./connector-return.ts";
export {
  type AsyncConnection,
  type AsyncConnectionMessage,
  fromConnection,
  type FromConnectionOptions,
} from "./async-connection.ts";
export { fromStart, type FromStartOptions, type Start } from "./steward.ts";
export { Received, type ReceiveOutcome, type SendOutcome, Sent, type SocketRequest } from "./socket-request.ts";
export { type SendFileOptions, type SendFileResult } from "./send-file.ts";
export { type SendSyncOptions, type SendSyncResult, type StopConnectionOptions } from "./remote.ts";

// Clients
export {
  type AnyRequest,
  type Client,
  clientOf,
  type ClientSendResult,
  type ClientSendSyncResult,
  connect,
  defineClient,
} from "./client.ts";
export { type ClientOptions, type ConnectTo, type PoolConnectionOptions } from "./client-options.ts";
export { type ClientEnd, type ClientEndKind, type ClientStep, type Plan, type Reconnect } from "./client-plan.ts";
export { type ClientRef, type SendResult } from "./client-calls.ts";
export { type ClientInfo, type ClientState } from "./client-record.ts";

// Pools
export {
  type AddConnectionResult,
  type ChoiceOptions,
  definePool,
  type Pool,
  type PoolChangeResult,
  type PoolConnection,
  type PoolDefinition,
  type PooledSendResult,
  type PoolOptions,
  startPool,
} from "./pool.ts";
export { type PoolChoice } from "./pool-choice.ts";
export { type PoolStep } from "./client-plan.ts";
export { type Broadcast, type PoolConnectionInfo, type PoolRef, type PoolSendResult } from "./pool-calls.ts";

// Framing
export type { CustomFraming } from "./custom-framing.ts";
export { createDecoder, encodeFrame, type Framing } from "./framing.ts";
export type { DecoderOptions, PacketDecoder } from "./packet-decoder.ts";

// Access
export {
  type AccessRule,
  type CompiledAccessRules,
  compileAccessRules,
  formatAccessRules,
  isAllowed,
} from "./access-rules.ts";
export { type Cidr, cidrSize, formatCidr, type IpAddress, matchesCidr, parseCidr } from "./cidr.ts";

// PROXY protocol
export { buildProxyHeader, type ProxyHeaderInit } from "./proxy-builder.ts";
export { type ProxyProtocolConfig, type ProxyProtocolOptions } from "./proxy-options.ts";
export { ProxyParser, type ProxyParserOptions, type ProxyResult } from "./proxy-parser.ts";
export {
  type ProxyErrorCode,
  type ProxyFamily,
  type ProxyFault,
  type ProxyHeader,
  type ProxyTls,
  type ProxyTlvs,
  type ProxyTransport,
  type ProxyVersion,
  type RawTlv,
} from "./proxy-protocol.ts";
export { type ProxyFailure } from "./proxy-reader.ts";
export { type ProxyTlsInit, type ProxyTlvsInit } from "./proxy-tlv.ts";

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
export { type FastTransport, fastTransport } from "./transports/fast.ts";
export { tcpTransport } from "./transports/tcp.ts";
export { udpTransport } from "./transports/udp.ts";
export { unixTransport } from "./transports/unix.ts";
export { type TlsTransport, tlsTransport, type TlsTransportOptions } from "./transports/tls.ts";

// TLS
export { TlsContext } from "./transports/tls-context.ts";
export { ClientTls } from "./transports/client-tls.ts";
export { TlsClientContext } from "./transports/tls-client.ts";
export { type ClientPskOptions, type TlsClientOptions } from "./transports/tls-client-options.ts";
export { type PeerCertificate, type SubjectAltNames, type TlsFacts } from "./transports/tls-facts.ts";
export {
  type OcspRequest,
  type Pem,
  type PskOptions,
  type TlsIdentity,
  type TlsOptions,
  type TlsVersion,
} from "./transports/tls-options.ts";
export { type TlsMaterial } from "./start-tls.ts";
export { type ServerTls } from "./transports/server-tls.ts";
export { type Handshake, type HandshakeOutcome, SecureSocket } from "./transports/secure-socket.ts";
export { type TlsFailure } from "./tls-handshake.ts";

// Datagrams
export { UdpListener, type UdpListenerInfo } from "./udp/udp-listener.ts";
export {
  type CompleteUdpOptions,
  type HealthCheck,
  type Identified,
  type Identify,
  type UdpOptions,
} from "./udp/udp-options.ts";
export { type DatagramStatsSnapshot } from "./udp/datagram-stats.ts";
export {
  type BufferName,
  type DatagramEvents,
  type DatagramSocket,
  type DatagramSocketOptions,
  type DatagramTransport,
} from "./udp/datagram-transport.ts";
export { type RateLimit } from "./token-bucket.ts";

// Diagnostics
export {
  type ConnectionFailure,
  type ConnectionIdentity,
  type ConnectionRefusal,
  type ConnectionStart,
  type ConnectionStop,
  type ConnectionTls,
  type DiagnosticsMessages,
  type ListenerNews,
} from "./diagnostics.ts";

// Events
export * from "./event.ts";
export * from "./udp/udp-event.ts";

// Errors
export {
  BadFrameError,
  ConnectError,
  FrameTooLargeError,
  InvalidOptionError,
  ListenerExistsError,
  ListenError,
  NotConnectedError,
  type OptionIssue,
  PostListenError,
  ReceiveError,
  SocketsError,
  StartTlsError,
  UnknownListenerError,
} from "./errors.ts";
