import { Buffer } from "node:buffer";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { type Deviation, hashedSubject, KINDS, topicOf } from "./deviation.ts";
import { PlanTextError } from "./errors.ts";
import type { Operation, Plan } from "./plan.ts";
import type { PeerProxy, PeerScript } from "./peer-script.ts";

/** The first letters of each text, with the version of what follows. */
const PREFIX = "ct1.";

/** What texts of plans have in common need not be in each of them. A change of this needs a new version. */
const COMMON = Buffer.from(
  '[[0,"10.0.0.4",["wait",100]]],[[0,"10.0.0.3",[["send","hello\\n"],["reset"]]],[0,"10.0.0.2",[["send","hello"],["end"]]]' +
    ',[["drain"],["upgrade"]],[[[0,"10.0.0.1",[["send","a"],["close"]]]],[]]',
);

/** Bytes as a text of one character each, which most protocols can be read in. */
function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

type Op = PeerScript["ops"][number];

function packOp(op: Op): readonly unknown[] {
  const values = op as unknown as Readonly<Record<string, unknown>>;
  return [op.type, ...FIELDS[op.type].map((field) => packValue(values[field]))];
}

function packValue(value: unknown): unknown {
  return value instanceof Uint8Array ? toText(value) : value;
}

/** The fields of the operations in the order in which `packOp` writes them, and which of them are bytes. */
const FIELDS: Readonly<Record<Op["type"], readonly string[]>> = {
  send: ["bytes"],
  wait: ["ms"],
  receive: ["count", "withinMs"],
  answer: ["to", "with", "withinMs"],
  startTls: ["after"],
  end: [],
  reset: [],
  vanish: [],
  close: [],
  pause: [],
  resume: [],
};

function unpackOp([type, ...values]: readonly unknown[]): Op {
  const fields = FIELDS[type as Op["type"]];
  if (fields === undefined) throw new PlanTextError(`there is no operation ${JSON.stringify(type)}`);
  const entries = fields.map((field, index) => {
    const value = values[index];
    if (field === "bytes") return [field, new Uint8Array(Buffer.from(String(value), "latin1"))];
    // JSON writes Infinity so.
    return [field, value === null ? Infinity : value];
  });
  return { type, ...Object.fromEntries(entries) } as Op;
}

/** How and when it begins, for those that begin in a special way. */
type Rest = Omit<PeerScript, "at" | "host" | "ops">;

function packRest({ proxy, tls = false, after }: Rest): readonly unknown[] {
  if (after !== undefined) return [tls ? 1 : 0, proxy ?? null, after];
  if (proxy === undefined) return tls ? [1] : [];
  return [tls ? 1 : 0, proxy];
}

function unpackScript(script: PeerScript, [tls, proxy = null, after]: readonly unknown[]): PeerScript {
  return {
    ...script,
    ...(tls === 1 && { tls: true }),
    ...(proxy !== null && { proxy: proxy as PeerProxy }),
    ...(after !== undefined && { after: after as string }),
  };
}

/** Unsigned integers, seven bits to a byte. */
function pushNumber(bytes: number[], number: number): void {
  let rest = number;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
}

/**
 * A plan as one short line, to be kept, sent, and given to `CRASH_REPLAY`. Subjects are in it as 32-bit numbers; a run of
 * the plan knows their names again.
 */
export function encodePlan({ peers, operations, deviations }: Plan): string {
  const workload = JSON.stringify([
    peers.map(({ at, host, ops, ...rest }) => [at, host, ops.map(packOp), ...packRest(rest)]),
    operations.map(({ at, name }) => [at, name]),
  ]);
  const numbers: number[] = [];
  for (const { kind, subject, ordinal, value } of deviations) {
    const topic = topicOf(kind, subject);
    numbers.push(KINDS.indexOf(kind), topic >>> 24, (topic >>> 16) & 0xff, (topic >>> 8) & 0xff, topic & 0xff);
    pushNumber(numbers, ordinal);
    pushNumber(numbers, value);
  }
  const text = Buffer.from(workload);
  const size: number[] = [];
  pushNumber(size, text.length);
  const plain = Buffer.concat([Buffer.from(size), text, Buffer.from(numbers)]);
  return PREFIX + deflateRawSync(plain, { level: 9, dictionary: COMMON }).toString("base64url");
}

/** The plan that a text stands for. @throws PlanTextError (`ERR_PLAN_TEXT`) */
export function decodePlan(text: string): Plan {
  if (!text.startsWith(PREFIX)) {
    throw new PlanTextError(`a plan begins with ${PREFIX}, and not with ${JSON.stringify(text.slice(0, 8))}`);
  }
  try {
    const bytes = inflateRawSync(Buffer.from(text.slice(PREFIX.length), "base64url"), { dictionary: COMMON });
    return readPlan(new Reader(bytes));
  } catch (cause) {
    if (cause instanceof PlanTextError) throw cause;
    throw new PlanTextError("the text of a plan is not whole", { cause });
  }
}

function readPlan(reader: Reader): Plan {
  const [peers, operations] = JSON.parse(reader.take(reader.number()).toString()) as [
    ReadonlyArray<[number, string, ReadonlyArray<readonly unknown[]>, ...unknown[]]>,
    ReadonlyArray<[number, string]>,
  ];
  const deviations: Deviation[] = [];
  while (!reader.isAtEnd) {
    const kind = KINDS[reader.number()];
    if (kind === undefined) throw new PlanTextError("the text of a plan is of a later version, or not whole");
    const subject = hashedSubject(reader.take(4).readUInt32BE());
    deviations.push({ kind, subject, ordinal: reader.number(), value: reader.number() });
  }
  return {
    peers: peers.map(([at, host, ops, ...rest]) => unpackScript({ at, host, ops: ops.map(unpackOp) }, rest)),
    operations: operations.map(([at, name]): Operation => ({ at, name })),
    deviations,
  };
}

class Reader {
  readonly #bytes: Buffer;
  #place = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#place >= this.#bytes.length;
  }

  take(count: number): Buffer {
    const taken = this.#bytes.subarray(this.#place, this.#place + count);
    if (taken.length < count) throw new PlanTextError("the text of a plan is not whole");
    this.#place += count;
    return taken;
  }

  number(): number {
    let number = 0;
    for (let weight = 1; ; weight *= 0x80) {
      const byte = this.take(1).readUInt8();
      number += (byte & 0x7f) * weight;
      if (byte < 0x80) return number;
    }
  }
}
