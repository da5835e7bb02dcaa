import { describeValue, type ExitReason, Pid } from "@espalier/actors";
import type { ReasonFact, Shown } from "./api-types.ts";

/** Words that an author has chosen: names of reasons, types of messages, keys. What a peer has sent seldom looks so. */
const WORD = /^[A-Za-z][\w.-]{0,39}$/u;
/** The codes of the system and of libraries. */
const CODE = /^E[A-Z][A-Z0-9_]{1,38}$/u;
const MOST_FRAMES = 20;
const MOST_TEXT = 500;

/** A word as it is, and nothing of what is none. */
function wordOf(value: unknown): string | undefined {
  return typeof value === "string" && WORD.test(value) ? value : undefined;
}

/**
 * What a look at something finds that others have made. What goes wrong by that is theirs: a getter that throws, an error
 * whose fields a peer has chosen. It must not end the one that looks, nor the one that is looked at.
 */
function look<Found>(read: () => Found, otherwise: Found): Found {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

/** The class of an object as its author has named it; a `constructor` of its own may be anybody's. */
function classOf(value: object): string | undefined {
  const prototype = Object.getPrototypeOf(value) as { readonly constructor?: unknown } | null;
  const constructor = prototype?.constructor;
  return typeof constructor === "function" ? wordOf(constructor.name) : undefined;
}

/** What may be said of the reason of an end. */
export function toReasonFact(reason: ExitReason, show: Shown): ReasonFact {
  return look(() => reasonFact(reason, show), { type: reason.type });
}

function reasonFact(reason: ExitReason, show: Shown): ReasonFact {
  switch (reason.type) {
    case "kill":
    case "killed":
    case "noproc":
    case "noconnection":
      return { type: reason.type };
    case "normal":
    case "shutdown": {
      if (reason.detail === undefined) return { type: reason.type };
      const detail = detailOf(reason.detail);
      return { type: reason.type, detail, message: show.errors ? textOf(reason.detail) : undefined };
    }
    case "error":
      return errorFact(reason.error, show);
  }
}

/** One line for people. */
export function formatReasonFact({ type, detail, message }: ReasonFact): string {
  return [type, detail, message].filter((part) => part !== undefined).join(": ");
}

/** A string may be anything, of which only the words of the socket server and the codes of the system are known. */
function detailOf(detail: unknown): string | undefined {
  if (typeof detail === "string") return isKnownReason(detail) ? detail : undefined;
  return typeof detail === "object" && detail !== null && "type" in detail ? wordOf(detail.type) : undefined;
}

/** Whether a key under which ends are counted is one that nobody but this project or the system can have made. */
export function isKnownReason(key: string): boolean {
  return KNOWN_REASONS.has(key) || CODE.test(key);
}

const KNOWN_REASONS: ReadonlySet<string> = new Set([
  "badFrame",
  "closed",
  "error",
  "frameTooLarge",
  "handOffTimeout",
  "idleTimeout",
  "keepaliveTimeout",
  "kill",
  "killed",
  "noconnection",
  "noproc",
  "normal",
  "other",
  "packetTimeout",
  "peerClosed",
  "plaintextBeforeTls",
  "proxyProtocolClosed",
  "proxyProtocolError",
  "proxyProtocolForbidden",
  "proxyProtocolTimeout",
  "proxyProtocolUntrusted",
  "sendTimeout",
  "shutdown",
  "socketError",
  "tlsHandshakeClosed",
  "tlsHandshakeFailed",
  "tlsHandshakeTimeout",
  "tooManyUnsentBytes",
]);

/** A text as it is, and of what is none what it is. */
function textOf(value: unknown): string {
  return cut(typeof value === "string" ? value : describeValue(value));
}

function errorFact(error: unknown, show: Shown): ReasonFact {
  if (!(error instanceof Error)) {
    return { type: "error", detail: typeof error, message: show.errors ? textOf(error) : undefined };
  }
  const code = "code" in error && typeof error.code === "string" && CODE.test(error.code) ? error.code : undefined;
  const name = classOf(error) ?? "Error";
  return {
    type: "error",
    detail: code === undefined ? name : `${name} (${code})`,
    message: show.errors ? textOf(error.message) : undefined,
    stack: framesOf(error),
  };
}

/** Places in the code; the text of the error stands before them, and may look as if it were some. */
function framesOf({ stack, message }: Error): readonly string[] | undefined {
  if (typeof stack !== "string" || typeof message !== "string") return undefined;
  const start = message === "" ? 0 : stack.indexOf(message);
  // One whose message was changed after it was thrown.
  if (start < 0) return undefined;
  return stack
    .slice(start + message.length)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => FRAME.test(line))
    .slice(0, MOST_FRAMES);
}

const FRAME = /^at .{1,300}:\d+:\d+\)?$/u;

function cut(text: string): string {
  return text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}…` : text;
}

/** Calls and casts wrap what they carry; what a peer has sent may be wrapped as often as it likes. */
const MOST_WRAPPINGS = 2;

/** What kind of message it is: its type, if an author has named it, and otherwise its class. */
export function messageType(message: unknown): string {
  return look(() => typeOf(message, MOST_WRAPPINGS), "object");
}

function typeOf(message: unknown, wrappings: number): string {
  if (typeof message !== "object" || message === null) return typeof message;
  const type = "type" in message ? wordOf(message.type) : undefined;
  if (type !== undefined) return type;
  if (wrappings === 0) return "…";
  const inner = "request" in message ? message.request : "message" in message ? message.message : undefined;
  const outer = classOf(message) ?? "object";
  return inner === undefined ? outer : `${outer}(${typeOf(inner, wrappings - 1)})`;
}

/** How deep and how wide a value is shown. */
const MOST_DEPTH = 4;
const MOST_ENTRIES = 50;
const MOST_NODES = 500;

/**
 * A value as JSON that is bounded in depth, width and length. It runs no code of the value: no `toJSON`, and no getter.
 */
export function toPlain(value: unknown): unknown {
  return look(() => plainOf(value, MOST_DEPTH, { left: MOST_NODES }), "…");
}

function plainOf(value: unknown, depth: number, budget: { left: number }): unknown {
  budget.left -= 1;
  if (budget.left < 0) return "…";
  if (value === null || typeof value === "boolean" || typeof value === "number") return value;
  if (typeof value === "string") return cut(value);
  if (typeof value !== "object") return describeValue(value);
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  if (value instanceof Error) return `${textOf(value.name)}: ${textOf(value.message)}`;
  if (depth === 0) return describeValue(value);
  if (Array.isArray(value)) {
    const items = value.slice(0, MOST_ENTRIES).map((item) => plainOf(item, depth - 1, budget));
    return value.length > MOST_ENTRIES ? [...items, `… ${value.length - MOST_ENTRIES} more`] : items;
  }
  if (value instanceof Map) return `a Map of ${value.size}`;
  if (value instanceof Set) return `a Set of ${value.size}`;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return describeInstance(value);
  const entries = Object.entries(Object.getOwnPropertyDescriptors(value)).filter(([, { enumerable }]) => enumerable);
  const shown = entries.slice(0, MOST_ENTRIES).map(([name, descriptor]) => {
    return [cut(name), "value" in descriptor ? plainOf(descriptor.value, depth - 1, budget) : "a getter"] as const;
  });
  if (entries.length > MOST_ENTRIES) shown.push(["…", `${entries.length - MOST_ENTRIES} more`]);
  return Object.fromEntries(shown);
}

/** An object of a class: a pid, a connection, a timer. */
function describeInstance(value: object): string {
  const name = classOf(value) ?? "object";
  return value instanceof Pid ? value.toString() : `a ${name}`;
}
