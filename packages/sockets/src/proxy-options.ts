import {
  checkAccessRules,
  type CompiledAccessRules,
  compileAccessRules,
  formatAccessRules,
  isAllowed,
} from "./access-rules.ts";
import { type OptionIssue, unknownOption } from "./errors.ts";
import { DEFAULT_MAX_HEADER_SIZE } from "./proxy-parser.ts";
import { LARGEST_SIZE, LINE_SIZE, type ProxyVersion } from "./proxy-protocol.ts";
import { LONGEST_MS } from "./setting.ts";

/** How a listener takes the PROXY headers that load balancers send in front of their clients' connections. */
export interface ProxyProtocolOptions {
  /** @defaultValue `[1, 2]`: either, told apart by the first byte. */
  readonly versions?: readonly ProxyVersion[];

  /**
   * Who may say for whom it speaks: addresses, blocks and `"unix:"`, as in access rules. Whoever may, can claim any
   * address.
   *
   * @defaultValue `"all"`, as eSockd and Ranch: whoever can reach the listener is a load balancer.
   */
  readonly trusted?: "all" | readonly string[];

  /**
   * Whether each connection must begin with a header, so that all but those of `trusted` are refused. False: what comes
   * from others is not looked at, and what comes from `trusted` without a header is served as it is, too; `trusted` must
   * then be a list, or everybody could choose an address.
   *
   * @defaultValue true, as eSockd and Ranch.
   */
  readonly required?: boolean;

  /**
   * How long the whole header may take, from 1 ms: one deadline, however slowly it drips. A `packetMachine` waits no
   * longer than `socketReadyTimeoutMs` for its socket, the header included.
   *
   * @defaultValue 3000, as EMQX sets it for eSockd, whose own is 5000.
   */
  readonly timeoutMs?: number;

  /**
   * Longest header of version 2 to accept, in bytes, from 107 to 65551.
   *
   * @defaultValue 4096: addresses and some names. A proxy that forwards whole certificates needs more.
   */
  readonly maxHeaderSize?: number;
}

/** {@link ProxyProtocolOptions} complete and checked. */
export interface ProxyProtocolConfig extends Required<Omit<ProxyProtocolOptions, "trusted">> {
  /** Those that are allowed are trusted. */
  readonly trusted: CompiledAccessRules;
}

const NAMES: readonly string[] = ["versions", "trusted", "required", "timeoutMs", "maxHeaderSize"];
const DEFAULT_TIMEOUT_MS = 3000;

/** Every fault of what should be `false` or an object of options; `path` is the option that holds it. */
export function checkProxyProtocol(options: unknown, path = "proxyProtocol"): readonly OptionIssue[] {
  if (options === undefined || options === false) return [];
  if (typeof options !== "object" || options === null) {
    return [{ option: path, value: options, expected: "false or an object" }];
  }
  const given: readonly [string, unknown][] = Object.entries(options).filter(([, value]) => value !== undefined);
  const unknown = given.filter(([key]) => !NAMES.includes(key));
  const values = Object.fromEntries(given);
  return [
    ...unknown.map(([key, value]) => unknownOption(`${path}.${key}`, value, NAMES)),
    ...checkVersions(values["versions"], `${path}.versions`),
    ...checkTrusted(values["trusted"], values["required"] === false, `${path}.trusted`),
    ...check(values["required"], isFlag, "true or false", `${path}.required`),
    ...check(values["timeoutMs"], isTimeout, `milliseconds from 1 to ${LONGEST_MS}`, `${path}.timeoutMs`),
    ...check(values["maxHeaderSize"], isHeaderSize, SIZE, `${path}.maxHeaderSize`),
  ];
}

const SIZE = `an integer of bytes from ${LINE_SIZE} to ${LARGEST_SIZE}`;

function check(
  value: unknown,
  isRight: (value: unknown) => boolean,
  expected: string,
  option: string,
): readonly OptionIssue[] {
  return value === undefined || isRight(value) ? [] : [{ option, value, expected }];
}

function isFlag(value: unknown): boolean {
  return typeof value === "boolean";
}

function isTimeout(value: unknown): boolean {
  return typeof value === "number" && value >= 1 && value <= LONGEST_MS;
}

function isHeaderSize(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= LINE_SIZE && Number(value) <= LARGEST_SIZE;
}

function isVersions(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((version) => version === 1 || version === 2);
}

function checkVersions(value: unknown, option: string): readonly OptionIssue[] {
  return check(value, isVersions, "[1], [2] or [1, 2]", option);
}

function checkTrusted(value: unknown, isOptional: boolean, option: string): readonly OptionIssue[] {
  if (value === undefined || value === "all") {
    return isOptional
      ? [{ option, value, expected: "a list where required is false, or all could claim to be anybody" }]
      : [];
  }
  if (!Array.isArray(value)) return [{ option, value, expected: '"all" or an array of addresses and blocks' }];
  return value.flatMap((block: unknown, index) => {
    const [issue] = checkAccessRules([{ allow: block }]);
    if (issue === undefined && block !== "all") return [];
    return [{ option: `${option}[${index}]`, value: block, expected: BLOCK }];
  });
}

const BLOCK = '"unix:", an address such as "127.0.0.1" or "::1", or a block such as "10.0.0.0/8" or "2001:db8::/32"';

/** Fills in what is not given. The options have been checked. */
export function compileProxyProtocol(options: false | ProxyProtocolOptions = false): false | ProxyProtocolConfig {
  if (options === false) return false;
  const { trusted = "all", versions = [1, 2], required = true } = options;
  const { timeoutMs = DEFAULT_TIMEOUT_MS, maxHeaderSize = DEFAULT_MAX_HEADER_SIZE } = options;
  const rules =
    trusted === "all" ? EVERYBODY : compileAccessRules([...trusted.map((allow) => ({ allow })), NOBODY_ELSE]);
  return { versions, required, timeoutMs, maxHeaderSize, trusted: rules };
}

const EVERYBODY: CompiledAccessRules = [];
const NOBODY_ELSE = { deny: "all" };

/** As options again, blocks in their canonical form. */
export function formatProxyProtocol(config: false | ProxyProtocolConfig): false | Required<ProxyProtocolOptions> {
  if (config === false) return false;
  const blocks = formatAccessRules(config.trusted).flatMap(({ allow }) => allow ?? []);
  return { ...config, trusted: config.trusted === EVERYBODY ? "all" : blocks };
}

/** Whether a peer may send a header. */
export function isTrusted({ trusted }: ProxyProtocolConfig, host: string): boolean {
  return isAllowed(trusted, host);
}
