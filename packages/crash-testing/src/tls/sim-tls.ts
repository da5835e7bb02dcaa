import {
  ClientTls,
  type HandshakeOutcome,
  SecureSocket,
  type ServerTls,
  type TransportSocket,
} from "@espalier/sockets";
import type { Duplex } from "node:stream";
import { TLS_LATENCIES } from "../deviation.ts";
import type { PeerNetwork } from "../peer.ts";
import type { World } from "../world.ts";
import { ClientEnd } from "./client-end.ts";
import { ServerEnd } from "./server-end.ts";

/** eSockd's bound on a handshake. */
const HANDSHAKE_TIMEOUT_MS = 15_000;

export interface SimTlsOptions {
  /** How long a handshake may take, in milliseconds. @defaultValue 15000 */
  readonly handshakeTimeoutMs?: number;
}

/** Decides how one end answers the other: with yes, no, late, or not at all. What it returns takes that back. */
export type AnswerOf = (socket: TransportSocket, answer: (isAccepted: boolean) => void) => () => void;

/**
 * What a listener takes as `tls` where each run has to be the same, which those of OpenSSL are not. It stands on the streams
 * that real TLS stands on, and all of the server around it is what it always is; whether a handshake is done, fails, hangs
 * or is slow is a choice of the world. There is nothing secret about its bytes: each is only masked.
 *
 * Clients speak it whose script says `tls`, and those that have `client` as their option `tls`.
 */
export class SimTls implements ServerTls {
  readonly handshakeTimeoutMs: number;
  /** The same for clients and pools of the program that is tested: they take it as `tls`. */
  readonly client: ClientTls;
  readonly #answerOf: AnswerOf;
  #isUsed = false;

  constructor(answerOf: AnswerOf, { handshakeTimeoutMs = HANDSHAKE_TIMEOUT_MS }: SimTlsOptions = {}) {
    this.handshakeTimeoutMs = handshakeTimeoutMs;
    this.#answerOf = answerOf;
    this.client = new SimClientTls(answerOf, () => {
      this.#isUsed = true;
    });
  }

  /** There are streams of Node in the run, which do some of their work behind the stack. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  secure(socket: TransportSocket): SecureSocket {
    this.#isUsed = true;
    return new SecureSocket(
      socket,
      (stream, outcome) => void new ServerEnd(stream, outcome, (answer) => this.#answerOf(socket, answer)),
      this.handshakeTimeoutMs,
    );
  }

  toJSON(): string {
    return "TLS";
  }
}

class SimClientTls extends ClientTls {
  readonly #answerOf: AnswerOf;
  readonly #onUse: () => void;

  constructor(answerOf: AnswerOf, onUse: () => void) {
    super();
    this.#answerOf = answerOf;
    this.#onUse = onUse;
  }

  protected override shakeHands(
    stream: Duplex,
    outcome: HandshakeOutcome,
    _to: unknown,
    socket: TransportSocket,
  ): Duplex {
    this.#onUse();
    return new ClientEnd(stream, outcome, (answer) => this.#answerOf(socket, answer));
  }
}

/** The one of a world. */
export function simTls(
  world: Pick<World, "choices" | "now" | "at" | "injectedMs">,
  network: Pick<PeerNetwork, "nameOf">,
  options: SimTlsOptions = {},
): SimTls {
  return new SimTls((socket, answer) => {
    const name = network.nameOf(socket) ?? socket.peer?.host ?? "";
    const outcome = world.choices.about("tls", name).next(TLS_LATENCIES.length + 3);
    if (outcome === HANGS) return () => {};
    const late = TLS_LATENCIES[outcome - 3];
    if (late === undefined) {
      answer(outcome !== FAILS);
      return () => {};
    }
    world.injectedMs += late;
    return world.at(world.now() + late, () => answer(true));
  }, options);
}

/** By the value of a deviation. */
const FAILS = 1;
const HANGS = 2;
