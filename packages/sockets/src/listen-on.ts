import { formatIpAddress, parseAddress } from "./cidr.ts";
import { InvalidOptionError, type OptionIssue, unknownOption } from "./errors.ts";
import { UNIX_HOST, unixAddress } from "./transport.ts";

/**
 * Where to listen: a port (`6000`, `"6000"`, `":6000"`) on all addresses, or on one (`"127.0.0.1:6000"`,
 * `"[::1]:6000"`, `"localhost:6000"`, `{ host: "::1", port: 6000 }`). Port 0 asks the system for a free one. Or a unix
 * socket: `"unix:/run/app.sock"`, `{ path: "/run/app.sock", mode: 0o660 }`.
 */
export type ListenOn = number | string | Pick<ListenAddress, "host" | "port"> | UnixListenOn;

/** A unix socket to listen on. */
export interface UnixListenOn {
  /** At most 107 bytes; a relative one belongs to the working directory of the process. */
  readonly path: string;
  /**
   * The permissions of its file, such as `0o660`: who may write to it may connect. It has them a moment after it is there, so
   * where the umask leaves more than that, its directory has to keep others out.
   *
   * @defaultValue what the umask leaves
   */
  readonly mode?: number;
}

/** A parsed {@link ListenOn}. Without a host: all addresses of this machine, IPv6 and IPv4. */
export interface ListenAddress {
  /** An IP address without brackets, or a name; for a unix socket {@link UNIX_HOST}. */
  readonly host?: string;
  /** From 0 to 65535; 0 for a unix socket. */
  readonly port: number;
  /** Of a unix socket, and of nothing else. */
  readonly path?: string;
  /** Of a unix socket. */
  readonly mode?: number;
}

/** What {@link formatAddress} prints: a {@link ListenAddress}, or an address as `node:net` reports it. */
export type PrintableAddress = ListenAddress | { readonly address: string; readonly port: number };

/** What Linux keeps of the name of a unix socket, without the byte that ends it; some systems keep a little less. */
const LONGEST_PATH = 107;

const PORT = "a port from 0 to 65535";
const HOST = "an IP address or a host name";
const PATH = `a path of 1 to ${LONGEST_PATH} bytes`;
const MODE = "permissions from 0 to 0o777";
const FORMS = `${PORT}, "host:port", "[IPv6]:port", { host, port }, "unix:/path" or { path }`;
const KEYS: readonly string[] = ["host", "port"];
const UNIX_KEYS: readonly string[] = ["path", "mode"];

/**
 * Reads where to listen.
 *
 * @throws {@link InvalidOptionError} (`ERR_INVALID_OPTION`) naming the value and what is allowed. An IPv6 address in a
 * string needs brackets, because `::1:6000` is an address too.
 */
export function parseListenOn(value: ListenOn): ListenAddress {
  if (typeof value === "string") return parseText(value);
  if (typeof value === "object" && value !== null) return "path" in value ? checkUnix(value) : checkFields(value);
  if (!isPort(value)) throw new InvalidOptionError([{ option: "listenOn", value, expected: FORMS }]);
  return { port: value };
}

/**
 * `127.0.0.1:5000`, `[::1]:5000`, `:5000` for all addresses, `unix:/run/app.sock`. An IPv4 address mapped into IPv6, as dual-stack sockets
 * report their peers, is printed as IPv4. {@link parseListenOn} reads the result. A unix socket without a name, such as a
 * client's, is `unix:`.
 */
export function formatAddress(address: PrintableAddress): string {
  if ("path" in address && address.path !== undefined) return `${UNIX_HOST}${address.path}`;
  const host = "address" in address ? address.address : (address.host ?? "");
  // Most are IPv4 and stay as they are; this is done for each connection.
  if (!host.includes(":")) return `${host}:${address.port}`;
  const ip = /ffff/i.test(host) ? parseAddress(host) : undefined;
  const plain = ip?.family === "ipv4" ? formatIpAddress(ip) : host;
  return `${plain === host ? `[${plain}]` : plain}:${address.port}`;
}

function parseText(text: string): ListenAddress {
  // Without a slash it is a host named "unix", and a port.
  if (text.startsWith(UNIX_HOST) && text.includes("/")) return checkUnix({ path: text.slice(UNIX_HOST.length) });
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

function checkFields(address: Pick<ListenAddress, "host" | "port">): ListenAddress {
  const { host, port } = address;
  const issues = checkKeys(address, KEYS);
  if (!isPort(port)) issues.push({ option: "listenOn.port", value: port, expected: PORT });
  if (host !== undefined && !isHost(host)) issues.push({ option: "listenOn.host", value: host, expected: HOST });
  if (issues.length > 0) throw new InvalidOptionError(issues);
  return host === undefined ? { port } : { host, port };
}

function checkUnix(address: UnixListenOn): ListenAddress {
  const { path, mode } = address;
  // An address as a listener reports it is one to listen on.
  const keys = "host" in address && address.host === UNIX_HOST ? [...UNIX_KEYS, ...KEYS] : UNIX_KEYS;
  const issues = checkKeys(address, keys);
  if (!isPath(path)) issues.push({ option: "listenOn.path", value: path, expected: PATH });
  if (mode !== undefined && !isMode(mode)) issues.push({ option: "listenOn.mode", value: mode, expected: MODE });
  if (issues.length > 0) throw new InvalidOptionError(issues);
  const named = unixAddress(path.includes("/") ? path : `./${path}`);
  return mode === undefined ? named : { ...named, mode };
}

function checkKeys(address: object, known: readonly string[]): OptionIssue[] {
  return Object.entries(address)
    .filter(([key]) => !known.includes(key))
    .map(([key, value]: [string, unknown]) => unknownOption(`listenOn.${key}`, value, known));
}

/** The system cuts off what is too long, without a word. */
function isPath(value: unknown): value is string {
  if (typeof value !== "string" || value === "" || value.includes("\0")) return false;
  return new TextEncoder().encode(value).length <= LONGEST_PATH;
}

function isMode(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0o777;
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
