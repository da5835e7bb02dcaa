import type { Deadline } from "@espalier/actors";
import { type CompiledAccessRules, isAllowed } from "./access-rules.ts";
import { isTrusted, type ProxyProtocolConfig } from "./proxy-options.ts";
import { ProxyParser } from "./proxy-parser.ts";
import type { ProxyErrorCode, ProxyHeader } from "./proxy-protocol.ts";
import type { Address, SocketEvents, TransportSocket } from "./transport.ts";

/** Why a connection ended before its handler had it: the detail of the `shutdown`, counted under its `type`. */
export type ProxyFailure =
  /** The bytes are no acceptable header. */
  | { readonly type: "proxyProtocolError"; readonly code: ProxyErrorCode; readonly message: string }
  /** The header was not whole in time. */
  | { readonly type: "proxyProtocolTimeout"; readonly timeoutMs: number }
  /** The peer ended the connection, or broke it, before the header was whole: a health check, often. */
  | { readonly type: "proxyProtocolClosed" }
  /** The peer is none of those that may send a header, and there must be one. */
  | { readonly type: "proxyProtocolUntrusted"; readonly peer: string }
  /** The access rules refuse the client that the header names. */
  | { readonly type: "proxyProtocolForbidden"; readonly source: string };

/** Who waits for the header. */
export interface HeaderTaker {
  /** The connection may go on. Without a header if there need not be one. `rest` has been read already. */
  headed(header: ProxyHeader | undefined, rest: readonly Uint8Array[]): void;
  failed(failure: ProxyFailure): void;
}

/**
 * Stands between a socket and its connection until the PROXY header is read, and then is gone: a connection without one
 * has nothing to do with it. It reads when the connection belongs to its handler, so whoever is slow, or sends nothing
 * but trouble, costs the handler its time and nobody else.
 *
 * ```text
 *            trusted                header, allowed           headed(header, what follows it)
 *   start ──────────▶ READING ──────────────────────────────▶
 *     │                  │ no header, and none is required   headed(undefined, what was read)
 *     │ untrusted        │──────────────────────────────────▶
 *     │                  │ bad header, forbidden, end, time up
 *     └──▶ headed or     └──────────────────────────────────▶ failed
 *          failed
 * ```
 */
export class ProxyReader implements SocketEvents {
  readonly #socket: TransportSocket;
  readonly #config: ProxyProtocolConfig;
  readonly #rules: CompiledAccessRules;
  readonly #taker: HeaderTaker;
  readonly #events: SocketEvents;
  readonly #parser: ProxyParser;
  #deadline: Deadline | undefined;
  /** What may turn out to be no header at all, where there need not be one. */
  readonly #doubtful: Uint8Array[] = [];
  #isRecognised = false;

  /** @param events - hear of the socket what the reader does not want to know, and everything afterwards */
  constructor(
    socket: TransportSocket,
    config: ProxyProtocolConfig,
    rules: CompiledAccessRules,
    taker: HeaderTaker,
    events: SocketEvents,
  ) {
    this.#socket = socket;
    this.#config = config;
    this.#rules = rules;
    this.#taker = taker;
    this.#events = events;
    this.#parser = new ProxyParser(config);
  }

  /** Begins to read. One who may not send a header is not read at all. */
  start({ host }: Address, deadline: Deadline | undefined): void {
    const { required, timeoutMs } = this.#config;
    if (!isTrusted(this.#config, host)) {
      if (required) this.#taker.failed({ type: "proxyProtocolUntrusted", peer: host });
      else this.#taker.headed(undefined, []);
      return;
    }
    this.#deadline = deadline;
    deadline?.arm(timeoutMs);
    this.#socket.setEvents(this);
    this.#socket.resume();
  }

  /** The header is not wanted any more. */
  stop(): void {
    this.#deadline?.cancel();
    this.#socket.setEvents(this.#events);
  }

  /** The time is up. */
  expire(): void {
    const { timeoutMs } = this.#config;
    this.#giveUp({ type: "proxyProtocolTimeout", timeoutMs });
  }

  connected(): void {
    // An accepted socket is connected from the start.
  }

  data(bytes: Uint8Array): void {
    const result = this.#parser.push(bytes);
    switch (result.type) {
      case "more":
        this.#isRecognised = result.isRecognised;
        if (!this.#config.required && !this.#isRecognised) this.#doubtful.push(bytes);
        return;
      case "header":
        this.#take(result.header, bytes.subarray(result.consumed));
        return;
      case "error": {
        const { code, message } = result;
        if (code === "notProxy" && !this.#config.required) this.#pass(undefined, [...this.#doubtful, bytes]);
        else this.#fail({ type: "proxyProtocolError", code, message });
        return;
      }
    }
  }

  end(): void {
    if (this.#giveUp({ type: "proxyProtocolClosed" })) this.#events.end();
  }

  drain(): void {
    this.#events.drain();
  }

  closed(code: string | undefined): void {
    this.#giveUp({ type: "proxyProtocolClosed" });
    this.#events.closed(code);
  }

  /** Nothing more comes, or not in time. Whether it can go on all the same. */
  #giveUp(failure: ProxyFailure): boolean {
    const isServed = !this.#config.required && !this.#isRecognised;
    if (isServed) this.#pass(undefined, this.#doubtful);
    else this.#fail(failure);
    return isServed;
  }

  #take(header: ProxyHeader, rest: Uint8Array): void {
    const { source } = header;
    if (source !== undefined && !isAllowed(this.#rules, source.host)) {
      this.#fail({ type: "proxyProtocolForbidden", source: source.host });
    } else {
      this.#pass(header, rest.length > 0 ? [rest] : []);
    }
  }

  #pass(header: ProxyHeader | undefined, rest: readonly Uint8Array[]): void {
    this.#socket.pause();
    this.stop();
    this.#taker.headed(header, rest);
  }

  #fail(failure: ProxyFailure): void {
    this.stop();
    this.#taker.failed(failure);
  }
}
