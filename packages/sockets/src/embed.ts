import { shutdown, sys, type System } from "@espalier/actors";
import type { ChildSpec } from "@espalier/supervisor";
import type { AnyStateMachine } from "xstate";
import { type ConnectionDefinition, type ConnectionMachine, toConnectionDefinition } from "./handler.ts";
import { Listener } from "./listener-handle.ts";
import { type ListenOn, parseListenOn } from "./listen-on.ts";
import { createListenerRecord, EMBEDDED, listenerId, type ListenerRecord } from "./listener-record.ts";
import type { ListenerOptions } from "./options.ts";
import type { Transport } from "./transport.ts";
import { tcpTransport } from "./transports/tcp.ts";
import { udpTransport } from "./transports/udp.ts";
import { listenerChildSpec } from "./tree.ts";
import { createUdpRecord, UdpListener } from "./udp/udp-listener.ts";
import type { UdpOptions } from "./udp/udp-options.ts";
import { udpListenerChildSpec } from "./udp/udp-tree.ts";

/** A listener for a supervision tree of one's own. */
export interface EmbeddedListener {
  /** To be a child of the user's supervisor; it starts and stops the listener. */
  readonly spec: ChildSpec;
  readonly listener: Listener;
}

/**
 * A listener that stands in a supervision tree of one's own, beside the actors that its connections need, instead of
 * below the root of `startSockets`. It listens as soon as its supervisor starts it; `close` ends it, which its supervisor
 * takes for the end of a transient child. eSockd's and Ranch's `child_spec`.
 *
 * @throws `ERR_INVALID_OPTION` that names every fault
 */
export function embedListener(
  system: System,
  name: string,
  listenOn: ListenOn,
  options: ListenerOptions,
  handler: ConnectionDefinition,
  transport?: Transport,
): EmbeddedListener;
export function embedListener<Machine extends AnyStateMachine>(
  system: System,
  name: string,
  listenOn: ListenOn,
  options: ListenerOptions,
  handler: ConnectionMachine<Machine>,
  transport?: Transport,
): EmbeddedListener;
export function embedListener(
  system: System,
  name: string,
  listenOn: ListenOn,
  options: ListenerOptions,
  handler: AnyStateMachine | ConnectionDefinition,
  transport: Transport = tcpTransport(),
): EmbeddedListener {
  const address = parseListenOn(listenOn);
  const facts = { id: listenerId(name, address), name, system, transport, listenOn: address, root: EMBEDDED };
  const record = createListenerRecord(facts, options, toConnectionDefinition(handler));
  return { spec: listenerChildSpec(record), listener: new Listener(system, record, closing(record)) };
}

/** A UDP listener for a supervision tree of one's own. */
export interface EmbeddedUdpListener extends EmbeddedListener {
  readonly listener: UdpListener;
}

/**
 * The same for a UDP listener: it receives datagrams as soon as its supervisor starts it. eSockd's `udp_child_spec`.
 *
 * @param options - `transport` says where datagrams come from; absent: UDP by `node:dgram`
 * @throws `ERR_INVALID_OPTION` that names every fault
 */
export function embedUdpListener(
  system: System,
  name: string,
  listenOn: ListenOn,
  options: UdpOptions,
  handler: ConnectionDefinition,
): EmbeddedUdpListener;
export function embedUdpListener<Machine extends AnyStateMachine>(
  system: System,
  name: string,
  listenOn: ListenOn,
  options: UdpOptions,
  handler: ConnectionMachine<Machine>,
): EmbeddedUdpListener;
export function embedUdpListener(
  system: System,
  name: string,
  listenOn: ListenOn,
  options: UdpOptions,
  handler: AnyStateMachine | ConnectionDefinition,
): EmbeddedUdpListener {
  const address = parseListenOn(listenOn);
  const id = listenerId(name, address);
  const facts = { id, name, system, datagrams: udpTransport(), listenOn: address, root: EMBEDDED };
  const record = createUdpRecord(facts, options, toConnectionDefinition(handler));
  return { spec: udpListenerChildSpec(record), listener: new UdpListener(system, record, closing(record)) };
}

/** Ends it by itself, since its supervisor is the user's, and takes that for the end of a transient child. */
function closing(record: ListenerRecord): () => Promise<void> {
  return async () => {
    const { supervisor, system } = record;
    if (supervisor === undefined || !system.isAlive(supervisor)) return;
    await sys.stopActor(system, supervisor, shutdown());
  };
}
