import type { Logger } from "@espalier/actors";
import * as v from "valibot";
import { type AccessRule, checkAccessRules, type CompiledAccessRules, compileAccessRules } from "./access-rules.ts";
import { InvalidOptionError, type OptionIssue, unknownOption } from "./errors.ts";
import { type LimitOptions, limitSettings } from "./limit-options.ts";
import { type ListenOptions, listenSettings } from "./listen-options.ts";
import { checkListenSockets } from "./listen-sockets.ts";
import {
  checkProxyProtocol,
  compileProxyProtocol,
  type ProxyProtocolConfig,
  type ProxyProtocolOptions,
} from "./proxy-options.ts";
import { checkSecureOptions, compileTls, type SecureOptions, secureSettings } from "./secure-options.ts";
import { LONGEST_MS, milliseconds, setting } from "./setting.ts";
import { type TrafficOptions, trafficSettings } from "./traffic-options.ts";
import type { ServerTls } from "./transports/server-tls.ts";

export { LONGEST_MS };

/** What may be said about a listener. All of it is optional. Durations are milliseconds and end in `Ms`. */
export interface ListenerOptions extends ListenOptions, LimitOptions, TrafficOptions, SecureOptions {
  /**
   * Who may connect: the first rule that matches the peer's address decides, no match allows.
   *
   * @defaultValue `[{ allow: "all" }]`, as eSockd.
   */
  readonly accessRules?: readonly AccessRule[];

  /**
   * Expects a PROXY header of HAProxy (version 1 or 2) at the beginning of each connection, before anything else, which
   * says from whom it is. The client that it names is then the connection's `peername`, and has to pass the access rules,
   * as the proxy has before it.
   *
   * @defaultValue false, as eSockd: whoever connects is the client.
   */
  readonly proxyProtocol?: false | ProxyProtocolOptions;

  /**
   * What connections get when the listener closes: this many milliseconds to end by themselves, before they are killed;
   * all the time they take (`"infinity"`); or none (`"brutalKill"`).
   *
   * @defaultValue 5000, as OTP gives a worker; eSockd kills.
   */
  readonly shutdown?: number | "infinity" | "brutalKill";

  /**
   * Gets what is logged of the listener and its connections, each line with the listener's id as the field `listener`:
   * crashes, reports, warnings, alarms, refusals, and what handlers log by `self.logger`. Of pino's shape, fields first; one
   * with a `child` gives a child. A change counts for what is logged from then on. A logger that throws loses its lines, and
   * nothing else happens. Ranch's and eSockd's `logger`.
   *
   * @defaultValue `"system"`: that of the system.
   */
  readonly logger?: Logger | "system";
}

/** The options that a connection can change for itself while it is open; each counts from then on. */
export interface ConnectionOptions extends Pick<
  ListenerOptions,
  | "idleTimeoutMs"
  | "packetTimeoutMs"
  | "noDelay"
  | "keepAlive"
  | "highWaterMark"
  | "maxUnsentBytes"
  | "sendTimeoutMs"
  | "maxBytesPerSecond"
  | "burstBytes"
> {}

/** {@link ListenerOptions} complete and checked, the access rules parsed. */
export interface ListenerConfig extends Required<Omit<ListenerOptions, "accessRules" | "proxyProtocol" | "tls">> {
  readonly accessRules: CompiledAccessRules;
  readonly proxyProtocol: false | ProxyProtocolConfig;
  readonly tls: false | ServerTls;
  /** What `postListen` has returned. */
  readonly listenData?: unknown;
}

const settings = v.object({
  ...listenSettings,
  ...limitSettings,
  ...trafficSettings,
  ...secureSettings,
  shutdown: setting(
    v.union([v.picklist(["brutalKill", "infinity"]), milliseconds(0)]),
    `milliseconds from 0 to ${LONGEST_MS}, "infinity" or "brutalKill"`,
    5000,
  ),
  logger: setting<Logger | "system">(
    v.union([v.literal("system"), v.custom<Logger>(isLogger)]),
    'a logger with the methods debug, info, warn and error, or "system"',
    "system",
  ),
});

const { idleTimeoutMs, packetTimeoutMs, noDelay, keepAlive, highWaterMark, maxUnsentBytes, sendTimeoutMs } =
  trafficSettings;
const { maxBytesPerSecond: bytesPerSecond } = limitSettings;

/** Without defaults: what is not given stays as it is. */
const changes = v.object({
  maxBytesPerSecond: v.exactOptional(bytesPerSecond.wrapped),
  burstBytes: v.exactOptional(bytesPerSecond.wrapped),
  idleTimeoutMs: v.exactOptional(idleTimeoutMs.wrapped),
  packetTimeoutMs: v.exactOptional(packetTimeoutMs.wrapped),
  noDelay: v.exactOptional(noDelay.wrapped),
  keepAlive: v.exactOptional(keepAlive.wrapped),
  highWaterMark: v.exactOptional(highWaterMark.wrapped),
  maxUnsentBytes: v.exactOptional(maxUnsentBytes.wrapped),
  sendTimeoutMs: v.exactOptional(sendTimeoutMs.wrapped),
});

/** Parsed apart from the others, because they have faults of their own, each with its own path. */
const DEFAULT_ACCESS_RULES: readonly AccessRule[] = [{ allow: "all" }];

const NAMES: readonly string[] = [...Object.keys(settings.entries), "accessRules", "proxyProtocol", "tls"];
const CHANGEABLE: readonly string[] = Object.keys(changes.entries);

/**
 * Checks the options and fills in what is not given; `undefined` is not given.
 *
 * @param faults - what is wrong with them where they are to be used
 * @throws {@link InvalidOptionError} (`ERR_INVALID_OPTION`) naming every fault at once, unknown options included.
 */
export function toListenerConfig(options: ListenerOptions = {}, faults: readonly OptionIssue[] = []): ListenerConfig {
  assertObject(options);
  const parsed = v.safeParse(settings, options);
  const { accessRules = DEFAULT_ACCESS_RULES } = options;
  const issues = [
    ...(parsed.issues ?? []).map(toOptionIssue),
    ...checkAccessRules(accessRules),
    ...checkProxyProtocol(options.proxyProtocol),
    ...checkSecureOptions(options),
    ...(parsed.success ? checkListenSockets(parsed.output) : []),
    ...faults,
    ...checkNames(options, NAMES),
  ];
  if (!parsed.success || issues.length > 0) throw new InvalidOptionError(issues);
  const proxyProtocol = compileProxyProtocol(options.proxyProtocol);
  const { maxBytesPerSecond, maxTotalBytesPerSecond } = parsed.output;
  const { burstBytes = maxBytesPerSecond, totalBurstBytes = maxTotalBytesPerSecond, ...output } = parsed.output;
  const tls = compileTls(options.tls);
  const compiled = { accessRules: compileAccessRules(accessRules), proxyProtocol, tls };
  return Object.freeze({ burstBytes, totalBurstBytes, ...output, ...compiled });
}

/** The options as they may be kept and printed: in place of keys stands what was made of them. */
export function withoutKeys(options: ListenerOptions, { tls }: ListenerConfig): ListenerOptions {
  return { ...options, tls };
}

/**
 * Checks what a connection wants changed; the answer has what is given, and `undefined` is not given.
 *
 * @throws {@link InvalidOptionError} (`ERR_INVALID_OPTION`) naming every fault at once, unknown options included, and
 * those that only a listener has.
 */
export function toConnectionChanges(options: ConnectionOptions): ConnectionOptions {
  assertObject(options);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const parsed = v.safeParse(changes, given);
  const issues = [...(parsed.issues ?? []).map(toOptionIssue), ...checkNames(given, CHANGEABLE)];
  if (!parsed.success || issues.length > 0) throw new InvalidOptionError(issues);
  const { maxBytesPerSecond: burstBytes } = parsed.output;
  return burstBytes === undefined ? parsed.output : { burstBytes, ...parsed.output };
}

export function assertObject(options: unknown): void {
  if (typeof options === "object" && options !== null) return;
  throw new InvalidOptionError([{ option: "options", value: options, expected: "an object" }]);
}

export function checkNames(options: object, known: readonly string[]): OptionIssue[] {
  return Object.entries(options)
    .filter(([key]) => !known.includes(key))
    .map(([key, value]: [string, unknown]) => unknownOption(key, value, known));
}

function toOptionIssue(issue: v.InferIssue<typeof settings | typeof changes>): OptionIssue {
  return { option: v.getDotPath(issue) ?? "options", value: issue.input, expected: issue.message };
}

function isLogger(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return ["debug", "info", "warn", "error"].every((level) => typeof Reflect.get(value, level) === "function");
}
