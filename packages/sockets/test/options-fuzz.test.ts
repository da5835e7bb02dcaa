import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidOptionError } from "../src/errors.ts";
import { toClientConfig } from "../src/client-options.ts";
import { parseListenOn } from "../src/listen-on.ts";
import { toConnectionChanges, toListenerConfig } from "../src/options.ts";
import { toUdpConfig } from "../src/udp/udp-options.ts";
import { echo } from "./support/handlers.ts";
import { useWorld, world } from "./support/server-world.ts";

/*
 * Options with faults of all kinds in them at once. Each fault that is put in has to be named, by its path and with the
 * value that was given; nothing else may be; and whatever is given, what comes is this one error, never one of JavaScript.
 */

/** One fault: where it is, what stands there, and what is to be said of it. */
interface Fault {
  readonly path: string;
  readonly value: unknown;
  /** For a misspelt key: which was meant. */
  readonly meant?: string;
}

/** Values that no option allows. An object may not be told from one with faults of its own. */
const nonsense: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, -1, 0.5, Number.NaN, "", "nonsense", 10n, Symbol("nonsense")),
  fc.constantFrom<unknown>(-Infinity, 2 ** 53, -(2 ** 31)),
);

/** What is undefined is not given. */
const given: fc.Arbitrary<unknown> = fc.anything().filter((value) => value !== undefined);

const names = [
  "acceptors",
  "maxClients",
  "overLimit",
  "maxConnectionRate",
  "overload",
  "alarms",
  "maxBytesPerSecond",
  "burstBytes",
  "maxTotalBytesPerSecond",
  "totalBurstBytes",
  "packet",
  "maxPacketSize",
  "backlog",
  "noDelay",
  "keepAlive",
  "highWaterMark",
  "maxUnsentBytes",
  "paused",
  "accessRules",
  "proxyProtocol",
] as const;

const flat: fc.Arbitrary<readonly Fault[]> = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...names), nonsense), { selector: ([name]) => name, maxLength: names.length })
  .map((pairs) => pairs.map(([path, value]) => ({ path, value })));

/** A known name with one letter left out, doubled or changed. */
const misspelt: fc.Arbitrary<readonly Fault[]> = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...names), fc.nat(30), fc.constantFrom("drop", "double", "change"), given), {
    selector: ([name]) => name,
    maxLength: 5,
  })
  .map((all) =>
    all.map(([meant, where, how, value]) => {
      const index = where % meant.length;
      const letter = meant.charAt(index);
      const middle = { drop: "", double: letter + letter, change: "#" }[how as string] ?? "";
      return { path: meant.slice(0, index) + middle + meant.slice(index + 1), value, meant };
    }),
  );

/** Rules of access, each with one fault or none. */
const rules: fc.Arbitrary<readonly (readonly [unknown, Fault?])[]> = fc.array(
  fc.oneof(
    fc.constantFrom<readonly [unknown, Fault?]>([{ allow: "all" }], [{ deny: "10.0.0.0/8" }], [{ allow: "unix:" }]),
    fc
      .constantFrom<unknown>("10.0.0.0/33", "nobody", 7, null, "300.1.1.1", "::1/129", [], {})
      .map((value): readonly [unknown, Fault] => [{ deny: value }, { path: ".deny", value }]),
    given.map((value): readonly [unknown, Fault] => [{ alow: value }, { path: ".alow", value, meant: "allow" }]),
    fc.constantFrom<unknown>(null, 7, "all").map((value): readonly [unknown, Fault] => [value, { path: "", value }]),
  ),
  { maxLength: 6 },
);

const proxy: fc.Arbitrary<readonly Fault[]> = fc
  .uniqueArray(fc.tuple(fc.constantFrom("versions", "trusted", "required", "timeoutMs", "maxHeaderSize"), nonsense), {
    selector: ([name]) => name,
    maxLength: 5,
  })
  .map((pairs) => pairs.map(([name, value]) => ({ path: `proxyProtocol.${name}`, value })));

interface Case {
  readonly options: Readonly<Record<string, unknown>>;
  readonly faults: readonly Fault[];
}

const cases: fc.Arbitrary<Case> = fc
  .record({ flat, misspelt, rules, proxy })
  .map(({ flat: plain, misspelt: typos, rules: list, proxy: inProxy }) => {
    const options: Record<string, unknown> = {};
    const wrongRules = list.flatMap(([, fault], index) =>
      fault === undefined ? [] : [{ ...fault, path: `accessRules[${index}]${fault.path}` }],
    );
    const hasRules = plain.every(({ path }) => path !== "accessRules");
    const hasProxy = plain.every(({ path }) => path !== "proxyProtocol");
    for (const { path, value } of [...plain, ...typos]) options[path] = value;
    if (hasRules) options["accessRules"] = list.map(([rule]) => rule);
    if (hasProxy) {
      options["proxyProtocol"] = Object.fromEntries(inProxy.map(({ path, value }) => [path.split(".")[1], value]));
    }
    return { options, faults: [...plain, ...typos, ...(hasRules ? wrongRules : []), ...(hasProxy ? inProxy : [])] };
  });

/** What was thrown, which has to be of the one kind. */
function thrownBy(check: () => unknown): InvalidOptionError | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof InvalidOptionError) return error;
    throw error;
  }
}

describe("faults of all kinds at once", () => {
  test("are all named, each with its value and what is allowed, and nothing else is", () => {
    fc.assert(
      fc.property(cases, ({ options, faults }) => {
        const issues = thrownBy(() => toListenerConfig(options))?.issues ?? [];
        const named = new Map(issues.map((issue) => [issue.option, issue]));
        expect([...named.keys()].toSorted()).toEqual(faults.map(({ path }) => path).toSorted());
        expect(issues).toHaveLength(faults.length);
        for (const { path, value, meant } of faults) {
          const issue = named.get(path);
          expect([path, Object.is(issue?.value, value)]).toEqual([path, true]);
          expect(issue?.expected).toMatch(meant === undefined ? /./u : `did you mean ${meant}?`);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("stand in the message, one in a line", () => {
    fc.assert(
      fc.property(cases, ({ options, faults }) => {
        const { message = "" } = thrownBy(() => toListenerConfig(options)) ?? {};
        for (const { path } of faults) expect(message).toContain(path);
        expect(message.split("\n")).toHaveLength(faults.length < 2 ? 1 : faults.length + 1);
      }),
      { numRuns: 200 },
    );
  });
});

/** Anything at all, in the places of options and as a whole. */
const anything = fc.oneof(
  fc.anything(),
  fc.dictionary(
    fc.constantFrom(
      ...names,
      "tls",
      "shutdown",
      "backoff",
      "plan",
      "transport",
      "identify",
      "healthCheck",
      "host",
      "port",
      "path",
      "mode",
      "name",
    ),
    fc.oneof(
      fc.anything(),
      fc.dictionary(
        fc.constantFrom("cert", "key", "sni", "psk", "ca", "ocsp", "ciphers", "initialMs", "request"),
        fc.anything(),
      ),
    ),
  ),
);

const checks: ReadonlyArray<readonly [string, (options: unknown) => unknown]> = [
  ["a listener", (options) => toListenerConfig(options as object)],
  ["a connection", (options) => toConnectionChanges(options as object)],
  ["a client", (options) => toClientConfig(options as object, false)],
  ["a connection of a pool", (options) => toClientConfig(options as object, true)],
  ["a UDP listener", (options) => toUdpConfig(options as object)],
  ["an address to listen on", (options) => parseListenOn(options as number)],
];

test.each(checks)("whatever is given for %s is taken, or refused with the one error for that", (_what, check) => {
  fc.assert(
    fc.property(anything, (options) => {
      const error = thrownBy(() => check(options));
      expect(error === undefined || error.code === "ERR_INVALID_OPTION").toBe(true);
    }),
    { numRuns: 300 },
  );
});

describe("a server that is asked for a listener with faults", () => {
  useWorld("memory");

  test("starts nothing", async () => {
    const before = world.system.inspect().processes.length;
    await fc.assert(
      fc.asyncProperty(
        cases.filter(({ faults }) => faults.length > 0),
        async ({ options, faults }) => {
          const error: unknown = await world.open(echo, options).catch((reason: unknown) => reason);
          expect(error).toBeInstanceOf(InvalidOptionError);
          expect((error as InvalidOptionError).issues).toHaveLength(faults.length);
          expect(world.system.inspect().processes).toHaveLength(before);
          expect([world.listenedOn, world.sockets.listeners()]).toEqual([[], []]);
        },
      ),
      { numRuns: 100 },
    );
  });

  test("and one that is open keeps its options", async () => {
    const listener = await world.open(echo, { maxClients: 7 });
    const { options: before } = listener.info;
    await fc.assert(
      fc.asyncProperty(
        cases.filter(({ faults }) => faults.length > 0),
        async ({ options }) => {
          await expect(listener.setOptions(options)).rejects.toBeInstanceOf(InvalidOptionError);
          expect(listener.info.options).toEqual(before);
        },
      ),
      { numRuns: 100 },
    );
  });
});
