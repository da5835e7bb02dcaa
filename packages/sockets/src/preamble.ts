import type { Deadline } from "@espalier/actors";
import type { ListenerConfig } from "./options.ts";
import type { ProxyHeader } from "./proxy-protocol.ts";
import { type HeaderTaker, type ProxyFailure, ProxyReader } from "./proxy-reader.ts";
import { type HandshakeTaker, type TlsFailure, TlsHandshake } from "./tls-handshake.ts";
import type { Address, SocketEvents, TransportSocket } from "./transport.ts";
import type { SecureSocket } from "./transports/secure-socket.ts";

/** Why a connection has not come to the first byte of its protocol. */
export type PreambleFailure = ProxyFailure | TlsFailure;

/** Who waits for the end of a preamble; one of `passed` and `failed` comes, unless it is stopped before. */
export interface PreambleTaker extends SocketEvents {
  now(): number;
  /** A timer of the connection's owner. */
  timer(run: () => void): Deadline | undefined;
  /** The PROXY header is read; undefined where there was none. Comes before the handshake. */
  named(header: ProxyHeader | undefined): void;
  /** The protocol may begin. `rest` has been read already. */
  passed(rest: readonly Uint8Array[]): void;
  failed(failure: PreambleFailure): void;
}

/**
 * What stands before the first byte of a protocol: a PROXY header, then a TLS handshake, each if there is to be one, both
 * under one deadline. It is gone when it is through, and most connections have none.
 */
export class Preamble implements HeaderTaker, HandshakeTaker {
  readonly #taker: PreambleTaker;
  readonly #secure: SecureSocket | undefined;
  readonly #since: number;
  #step: ProxyReader | TlsHandshake | undefined;

  /** @param secure - whose handshake is to be done */
  constructor(taker: PreambleTaker, secure: SecureSocket | undefined) {
    this.#taker = taker;
    this.#secure = secure;
    this.#since = taker.now();
  }

  /** Reads a PROXY header first, if the options ask for it. */
  start(socket: TransportSocket, peer: Address, { proxyProtocol, accessRules }: ListenerConfig): void {
    if (proxyProtocol === false) {
      this.shakeHands([]);
      return;
    }
    const reader = new ProxyReader(this.#secure?.raw ?? socket, proxyProtocol, accessRules, this, this.#taker);
    this.#step = reader;
    const deadline = this.#taker.timer(() => reader.expire());
    reader.start(peer, deadline);
  }

  /** @param early - what was read already */
  shakeHands(early: readonly Uint8Array[]): void {
    const secure = this.#secure;
    if (secure?.isToShakeHands !== true) {
      this.#taker.passed(early);
      return;
    }
    const deadline = this.#taker.timer(() => handshake.expire());
    const handshake = new TlsHandshake(secure, this, deadline);
    this.#step = handshake;
    handshake.start(early, this.#taker.now() - this.#since);
  }

  /** It is not wanted any more. */
  stop(): void {
    this.#step?.stop();
  }

  headed(header: ProxyHeader | undefined, rest: readonly Uint8Array[]): void {
    this.#step = undefined;
    this.#taker.named(header);
    this.shakeHands(rest);
  }

  secured(): void {
    this.#taker.passed([]);
  }

  failed(failure: PreambleFailure): void {
    this.#taker.failed(failure);
  }
}
