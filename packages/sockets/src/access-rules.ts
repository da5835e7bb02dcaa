import { type Cidr, formatCidr, type IpAddress, matchesCidr, parseAddress, parseCidr } from "./cidr.ts";
import { InvalidOptionError, type OptionIssue, unknownOption } from "./errors.ts";
import { UNIX_HOST } from "./transport.ts";

/**
 * Lets peers in or keeps them out: `"all"`, an address (`"127.0.0.1"`, `"::1"`) or a block (`"10.0.0.0/8"`). Peers that
 * come over IPv4 are matched by IPv4 rules and `"all"` only, on dual-stack sockets too; those of unix sockets by
 * `"unix:"` and `"all"` only, as in nginx.
 */
export type AccessRule =
  | { readonly allow: string; readonly deny?: never }
  | { readonly deny: string; readonly allow?: never };

/** Rules ready for use, the first one first; made by {@link compileAccessRules}. */
export type CompiledAccessRules = readonly CompiledRule[];

interface CompiledRule {
  readonly allows: boolean;
  readonly block: Block;
}

type Block = Cidr | "all" | typeof UNIX_HOST;

type Reading = { readonly rule: CompiledRule } | { readonly issues: readonly OptionIssue[] };

/** Why a rule was not added. */
export type PrependResult =
  | { readonly ok: true; readonly rules: CompiledAccessRules }
  | { readonly ok: false; readonly error: "alreadyExists" };

const VERDICTS: readonly string[] = ["allow", "deny"];
const RULE = '{ allow: … } or { deny: … }, with "all", an address or a block';
const PATTERN =
  '"all", "unix:", an address such as "127.0.0.1" or "::1", or a block such as "10.0.0.0/8" or "2001:db8::/32"';

/**
 * Parses the rules, once for all connections.
 *
 * @throws {@link InvalidOptionError} (`ERR_INVALID_OPTION`) naming every bad rule.
 */
export function compileAccessRules(rules: readonly AccessRule[]): CompiledAccessRules {
  const issues = checkAccessRules(rules);
  if (issues.length > 0) throw new InvalidOptionError(issues);
  return rules.flatMap((rule) => {
    const reading = readRule(rule, "");
    return "rule" in reading ? [reading.rule] : [];
  });
}

/** Every fault of what should be a list of rules; `path` is the option that holds them. */
export function checkAccessRules(rules: unknown, path = "accessRules"): readonly OptionIssue[] {
  if (!Array.isArray(rules)) return [{ option: path, value: rules, expected: "an array of rules" }];
  return rules.flatMap((rule: unknown, index) => {
    const reading = readRule(rule, `${path}[${index}]`);
    return "issues" in reading ? reading.issues : [];
  });
}

/**
 * Whether a peer may connect. The first rule that matches decides; when none does, the peer is allowed, as in eSockd.
 *
 * @param address - The host of a peer, as the socket reports it. It is parsed at the first rule that has an address, once, so `"all"` costs
 * nothing. A text that is no address is refused there: a `deny` must not be passed by being unreadable.
 */
export function isAllowed(rules: CompiledAccessRules, address: string): boolean {
  let parsed: IpAddress | undefined;
  for (const { allows, block } of rules) {
    if (block === "all" || block === address) return allows;
    // No address belongs to both families.
    if (block === UNIX_HOST || address === UNIX_HOST) continue;
    parsed ??= parseAddress(address);
    if (parsed === undefined) return false;
    if (matchesCidr(block, parsed)) return allows;
  }
  return true;
}

/**
 * Puts a rule before all others, so that the newest wins. A rule that is there already is not moved.
 *
 * @throws {@link InvalidOptionError} (`ERR_INVALID_OPTION`) when the rule cannot be read.
 */
export function prependAccessRule(rules: CompiledAccessRules, rule: AccessRule): PrependResult {
  const added = compileAccessRules([rule]);
  const present = new Set(rules.map(describeRule));
  if (added.some((compiled) => present.has(describeRule(compiled)))) return { ok: false, error: "alreadyExists" };
  return { ok: true, rules: [...added, ...rules] };
}

/** The rules as a user writes them, in canonical form: `{ deny: "10.1.2.3/8" }` comes back as `{ deny: "10.0.0.0/8" }`. */
export function formatAccessRules(rules: CompiledAccessRules): readonly AccessRule[] {
  return rules.map(({ allows, block }) => (allows ? { allow: formatBlock(block) } : { deny: formatBlock(block) }));
}

function readRule(rule: unknown, option: string): Reading {
  if (typeof rule !== "object" || rule === null) return { issues: [{ option, value: rule, expected: RULE }] };
  const fields: readonly [string, unknown][] = Object.entries(rule).filter(([, value]) => value !== undefined);
  const issues = fields
    .filter(([key]) => !VERDICTS.includes(key))
    .map(([key, value]) => unknownOption(`${option}.${key}`, value, VERDICTS));
  const [verdict, second] = fields.filter(([key]) => VERDICTS.includes(key));
  // A misspelt verdict is one fault, not two.
  if (verdict === undefined) return { issues: issues.length > 0 ? issues : [{ option, value: rule, expected: RULE }] };
  if (second !== undefined) return { issues: [...issues, { option, value: rule, expected: RULE }] };

  const [key, pattern] = verdict;
  const block = readBlock(pattern);
  if (block === undefined) {
    return { issues: [...issues, { option: `${option}.${key}`, value: pattern, expected: PATTERN }] };
  }
  return issues.length > 0 ? { issues } : { rule: { allows: key === "allow", block } };
}

function readBlock(pattern: unknown): Block | undefined {
  if (pattern === "all" || pattern === UNIX_HOST) return pattern;
  return typeof pattern === "string" ? parseCidr(pattern) : undefined;
}

function formatBlock(block: Block): string {
  return typeof block === "string" ? block : formatCidr(block);
}

function describeRule({ allows, block }: CompiledRule): string {
  return `${allows ? "allow" : "deny"} ${formatBlock(block)}`;
}
