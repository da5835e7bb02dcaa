import { formatIpAddress, parseAddress } from "./cidr.ts";
import { InvalidOptionError, type OptionIssue, unknownOption } from "./errors.ts";

/**
 * Where to listen: a port (`6000`, `"6000"`, `":6000"`) on all addresses, or on one (`"127.0.0.1:6000"`,
 * `"[::1]:6000"`, `"localhost:6000"`, `{ host: "::1", port: 6000 }`). Port 0 asks the system for a free one.
 */
export type ListenOn = number | string | ListenAddress;

/** A parsed {@link ListenOn}. Without a host: all addresses of this machine, IPv6 and IPv4. */
export interface ListenAddress {
  /** An IP address without brackets, or a name. */
  readonly host?: string;
  /** From 0 to 65535. */
  readonly port: number;
}

/** What {@link formatAddress} prints: a {@link ListenAddress}, or an address as `node:net` reports it. */
export type PrintableAddress = ListenAddress | { readonly address: string; readonly port: number };

const PORT = "a port from 0 to 65535";
const HOST = "an IP address or a host name";
const FORMS = `${PORT}, "host:port", "[IPv6]:port" or { host, port }`;
const KEYS: readonly string[] = ["host", "port"];

/**
 * Reads where to listen.
 *
 * @throws {@link InvalidOptionError} (`ERR_INVALID_OPTION`) naming the value and what is allowed. An IPv6 address in a
 * string needs brackets, because `::1:6000` is an address too.
 */
export function parseListenOn(value: ListenOn): ListenAddress {
  if (typeof value === "string") return parseText(value);
  if (typeof value === "object" && value !== null) return checkFields(value);
  if (!isPort(value)) throw new InvalidOptionError([{ option: "listenOn", value, expected: FORMS }]);
  return { port: value };
}

/**
 * `127.0.0.1:5000`, `[::1]:5000`, or `:5000` for all addresses. An IPv4 address mapped into IPv6, as dual-stack sockets
 * report their peers, is printed as IPv4. {@link parseListenOn} reads the result.
 */
export function formatAddress(address: PrintableAddress): string {
  const host = "address" in address ? address.address : (address.host ?? "");
  // Most are IPv4 and stay as they are; this is done for each connection.
  if (!host.includes(":")) return `${host}:${address.port}`;
  const ip = parseAddress(host);
  const plain = ip?.family === "ipv4" ? formatIpAddress(ip) : host;
  return `${plain === host ? `[${plain}]` : plain}:${address.port}`;
}

function parseText(text: string): ListenAddress {
  const [, name = "", digits] = /^(?:(\[[^\]]+\]|[^:[\]]*):)?(\d{1,5})$/.exec(text) ?? [];
  const port = digits === undefined ? undefined : Number(digits);
  const isBracketed = name.startsWith("[");
  const host = isBracketed ? name.slice(1, -1) : name;
  const isHostRight = isBracketed ? host.includes(":") && isHost(host) : host === "" || isHost(host);
  if (!isPort(port) || !isHostRight) {
    throw new InvalidOptionError([{ option: "listenOn", value: text, expected: FORMS }]);
  }
  return host === "" ? { port } : { host, port };
}

function checkFields(address: ListenAddress): ListenAddress {
  const { host, port } = address;
  const issues: OptionIssue[] = Object.entries(address)
    .filter(([key]) => !KEYS.includes(key))
    .map(([key, value]: [string, unknown]) => unknownOption(`listenOn.${key}`, value, KEYS));
  if (!isPort(port)) issues.push({ option: "listenOn.port", value: port, expected: PORT });
  if (host !== undefined && !isHost(host)) issues.push({ option: "listenOn.host", value: host, expected: HOST });
  if (issues.length > 0) throw new InvalidOptionError(issues);
  return host === undefined ? { port } : { host, port };
}

function isPort(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 65_535;
}

/** A name whose last label is a number (`10.1`, `300.0.0.1`) is a misspelt address, never a host. */
function isHost(value: unknown): value is string {
  if (typeof value !== "string") return false;
  if (parseAddress(value) !== undefined) return true;
  return value.length <= 253 && /^(?:[\w-]{1,63}\.)*[\w-]{1,63}\.?$/.test(value) && !/(?:^|\.)\d+\.?$/.test(value);
}
