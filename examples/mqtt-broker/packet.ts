import { Buffer } from "node:buffer";
import type { CustomFraming } from "@espalier/sockets";
import { isFilter, isTopic } from "./topic.ts";

// The packets of MQTT 3.1.1, with QoS 0 and 1: on one side bytes, on the other the events of a machine.

export type QoS = 0 | 1;

/** What is published, and what a client leaves as its will. */
export interface Message {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
}

/** What a client says first. Of another version than 3.1.1, which is level 4, no more is known than that. */
export interface Connect {
  readonly type: "mqtt.connect";
  readonly level: number;
  readonly clientId: string;
  readonly isClean: boolean;
  readonly keepAliveSeconds: number;
  readonly will: Message | undefined;
}

/** With QoS 0 the id is 0. */
export interface Publish {
  readonly type: "mqtt.publish";
  readonly id: number;
  readonly message: Message;
}

/** What clients want to be confirmed. */
export type Request =
  | Publish
  | { readonly type: "mqtt.subscribe"; readonly id: number; readonly filters: ReadonlyArray<readonly [string, QoS]> }
  | { readonly type: "mqtt.unsubscribe"; readonly id: number; readonly filters: readonly string[] };

/** What clients send. */
export type Packet =
  | Connect
  | Request
  | { readonly type: "mqtt.puback" | "mqtt.pingreq" | "mqtt.disconnect" | "mqtt.malformed" };

/** A first byte, and then how many bytes follow: seven bits in each byte, the lowest first, in four of them at most. */
export const framing: CustomFraming = {
  maxHeaderBytes: 5,
  lengthOf(bytes, start, end) {
    let rest = 0;
    for (let place = start + 1; place < end; place += 1) {
      const byte = bytes[place] ?? 0;
      rest += (byte & 127) * 128 ** (place - start - 1);
      if (byte < 128) return place + 1 - start + rest;
    }
    return undefined;
  },
};

/** What a packet says: `mqtt.malformed` where nobody can say. */
export function parse(bytes: Uint8Array): Packet {
  try {
    return read(bytes[0] ?? 0, new Cursor(bytes));
  } catch {
    return { type: "mqtt.malformed" };
  }
}

function read(first: number, at: Cursor): Packet {
  if (first >> 4 === 3) return readPublish((first >> 1) & 3, (first & 1) !== 0, at);
  if (first === 0x10) return readConnect(at);
  if (first === 0x40) return { type: "mqtt.puback" };
  if (first === 0x82) {
    const id = at.word();
    return { type: "mqtt.subscribe", id, filters: at.all(() => [at.text(isFilter), qosOf(at.byte())]) };
  }
  if (first === 0xa2) return { type: "mqtt.unsubscribe", id: at.word(), filters: at.all(() => at.text(isFilter)) };
  if (first === 0xc0) return { type: "mqtt.pingreq" };
  return { type: first === 0xe0 ? "mqtt.disconnect" : "mqtt.malformed" };
}

function readConnect(at: Cursor): Packet {
  at.text((protocol) => protocol === "MQTT");
  const [level, flags, keepAliveSeconds] = [at.byte(), at.byte(), at.word()];
  const isKnown = level === 4;
  const clientId = isKnown ? at.text() : "";
  const willQos = (flags >> 3) & 3;
  const hasWill = isKnown && (flags & 4) !== 0;
  const will = hasWill ? messageOf(at.text(isTopic), at.field(), willQos, (flags & 32) !== 0) : undefined;
  // A name and a password may follow, which nobody asks for.
  return { type: "mqtt.connect", level, clientId, isClean: (flags & 2) !== 0, keepAliveSeconds, will };
}

function readPublish(qos: number, retain: boolean, at: Cursor): Packet {
  const topic = at.text(isTopic);
  // Nobody has been promised QoS 2.
  if (qos > 1) return { type: "mqtt.malformed" };
  return { type: "mqtt.publish", id: qos === 0 ? 0 : at.word(), message: messageOf(topic, at.rest(), qos, retain) };
}

/** Copies the payload, which may be kept for long, where what was read with it should not be. */
function messageOf(topic: string, payload: Uint8Array, qos: number, retain: boolean): Message {
  return { topic, payload: Uint8Array.from(payload), qos: qosOf(qos), retain };
}

/** The best there is up to this. */
function qosOf(qos: number): QoS {
  if (qos > 2) throw new RangeError("there is no such QoS");
  return qos === 0 ? 0 : 1;
}

/** Reads a packet from behind its length on. It throws when there is less than it is asked for. */
class Cursor {
  readonly #bytes: Buffer;
  #at = 1;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    while (this.byte() > 127);
  }

  byte(): number {
    this.#at += 1;
    return this.#bytes.readUInt8(this.#at - 1);
  }

  word(): number {
    return this.byte() * 256 + this.byte();
  }

  field(): Uint8Array {
    const size = this.word();
    if (this.#at + size > this.#bytes.length) throw new RangeError("the packet is too short");
    this.#at += size;
    return this.#bytes.subarray(this.#at - size, this.#at);
  }

  text(isAllowed: (text: string) => boolean = () => true): string {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.field());
    if (!isAllowed(text)) throw new RangeError("this is not allowed here");
    return text;
  }

  rest(): Uint8Array {
    return this.#bytes.subarray(this.#at);
  }

  /** One at least. */
  all<Item>(next: () => Item): Item[] {
    const items = [next()];
    while (this.#at < this.#bytes.length) items.push(next());
    return items;
  }
}

/** @param code - 0: welcome; 1: not with this version; 2: not without a name */
export const connack = (code: 0 | 1 | 2): Uint8Array => encode(0x20, Uint8Array.of(0, code));
export const pingresp: Uint8Array = encode(0xd0);

/** PUBACK, SUBACK, UNSUBACK. */
export function confirm(request: Request): Uint8Array {
  if (request.type === "mqtt.publish") return encode(0x40, word(request.id));
  if (request.type === "mqtt.unsubscribe") return encode(0xb0, word(request.id));
  return encode(0x90, word(request.id), Buffer.from(request.filters.map(([, qos]) => qos)));
}

export function publish({ topic, payload, qos, retain }: Message, id: number): Uint8Array {
  const name = Buffer.from(topic);
  const numbered = qos === 0 ? [] : [word(id)];
  return encode(0x30 | (qos << 1) | Number(retain), word(name.length), name, ...numbered, payload);
}

export function encode(first: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let rest = parts.reduce((sum, { length }) => sum + length, 0);
  const header = [first];
  for (; rest > 127; rest >>= 7) header.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([...header, rest]), ...parts]);
}

export function word(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 255);
}
