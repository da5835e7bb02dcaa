import { BadReturnError } from "@espalier/actors";
import type { ConnectorOptions, ConnectorReply, ConnectorReturn } from "./connector-return.ts";
import { InvalidOptionError, type OptionIssue, unknownOption } from "./errors.ts";
import { LONGEST_MS } from "./setting.ts";

const KNOWN: readonly string[] = [
  "state",
  "setOptions",
  "packet",
  "reply",
  "timeoutMs",
  "srtimeoutMs",
  "length",
  "active",
  "hibernate",
] satisfies ReadonlyArray<keyof ConnectorOptions>;

/**
 * What a callback has returned, checked.
 *
 * @throws BadReturnError that names the callback; InvalidOptionError that names all faults of the options
 */
export function checkReturn(callback: string, result: unknown, isFramed: boolean): ConnectorReturn {
  const expected = "ok, close or stop";
  if (!isReturn(result)) throw new BadReturnError(callback, result, expected);
  checkOptions(result.options, isFramed);
  return result;
}

function isReturn(result: unknown): result is ConnectorReturn {
  if (typeof result !== "object" || result === null || !("type" in result) || !("options" in result)) return false;
  if (typeof result.options !== "object" || result.options === null) return false;
  return result.type === "ok" || result.type === "close" || (result.type === "stop" && "reason" in result);
}

function checkOptions(options: ConnectorOptions, isFramed: boolean): void {
  const issues: OptionIssue[] = Object.entries(options)
    .filter(([key]) => !KNOWN.includes(key))
    .map(([key, value]: [string, unknown]) => unknownOption(key, value, KNOWN));
  for (const option of ["timeoutMs", "srtimeoutMs"] as const) {
    const value = options[option];
    if (value === undefined || value === "infinity") continue;
    if (typeof value === "number" && value >= 0 && value <= LONGEST_MS) continue;
    issues.push({ option, value, expected: `milliseconds from 0 to ${LONGEST_MS}, or "infinity"` });
  }
  const { length, active, hibernate, packet } = options;
  if (packet !== undefined && !(Array.isArray(packet) ? packet.every(isPacket) : isPacket(packet))) {
    issues.push({ option: "packet", value: packet, expected: "bytes or text, or an array of such" });
  }
  if (length !== undefined && length !== "any" && (isFramed || !(Number.isSafeInteger(length) && length >= 1))) {
    const expected = isFramed ? '"any", since packets are cut by a framing' : 'an integer of bytes from 1, or "any"';
    issues.push({ option: "length", value: length, expected });
  }
  for (const [option, value] of Object.entries({ active, hibernate })) {
    if (value === undefined || typeof value === "boolean") continue;
    issues.push({ option, value, expected: "true or false" });
  }
  for (const { from } of repliesOf(options)) {
    if (typeof from?.reply === "function") continue;
    issues.push({ option: "reply.from", value: from, expected: "the `from` of a call" });
  }
  if (issues.length > 0) throw new InvalidOptionError(issues);
}

function isPacket(value: unknown): boolean {
  return typeof value === "string" || value instanceof Uint8Array;
}

/** The packets of the options, in order. */
export function packetsOf({ packet }: ConnectorOptions): ReadonlyArray<Uint8Array | string> {
  if (packet === undefined) return [];
  return typeof packet === "string" || packet instanceof Uint8Array ? [packet] : packet;
}

/** The answers of the options, in order. */
export function repliesOf({ reply }: ConnectorOptions): readonly ConnectorReply[] {
  if (reply === undefined) return [];
  return "from" in reply ? [reply] : reply;
}
