import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type AccessRule,
  checkAccessRules,
  compileAccessRules,
  formatAccessRules,
  isAllowed,
  prependAccessRule,
} from "../src/access-rules.ts";
import { InvalidOptionError } from "../src/errors.ts";

const pattern = fc.constantFrom(
  "all",
  "10.0.0.0/8",
  "10.1.0.0/16",
  "10.1.2.3",
  "192.168.0.0/16",
  "::1",
  "2001:db8::/32",
);
const rule: fc.Arbitrary<AccessRule> = fc.oneof(fc.record({ allow: pattern }), fc.record({ deny: pattern }));
const peer = fc.constantFrom("10.1.2.3", "10.1.9.9", "10.9.9.9", "192.168.1.1", "8.8.8.8", "::1", "2001:db8::7");

function allows(rules: readonly AccessRule[], address: string): boolean {
  return isAllowed(compileAccessRules(rules), address);
}

describe("deciding", () => {
  test("without a matching rule a peer is allowed", () => {
    expect(allows([], "8.8.8.8")).toBe(true);
    expect(allows([{ deny: "10.0.0.0/8" }], "8.8.8.8")).toBe(true);
  });

  test("the first rule that matches decides", () => {
    const rules: AccessRule[] = [{ allow: "10.1.0.0/16" }, { deny: "10.0.0.0/8" }, { allow: "all" }];
    expect(allows(rules, "10.1.2.3")).toBe(true);
    expect(allows(rules, "10.2.2.3")).toBe(false);
    expect(allows(rules, "192.168.0.1")).toBe(true);
  });

  test("rules after the one that matches change nothing", () => {
    fc.assert(
      fc.property(fc.array(rule), fc.array(rule), peer, (rules, more, address) => {
        const decisive = [...rules, { deny: "all" }];
        expect(allows([...decisive, ...more], address)).toBe(allows(decisive, address));
      }),
    );
  });

  test("a rule for an address decides for that address, whatever follows", () => {
    fc.assert(
      fc.property(fc.array(rule), peer, (rules, address) => {
        expect(allows([{ deny: address }, ...rules], address)).toBe(false);
        expect(allows([{ allow: address }, ...rules], address)).toBe(true);
      }),
    );
  });

  test("an IPv4 peer of a dual-stack socket is held to the IPv4 rules", () => {
    fc.assert(
      fc.property(fc.array(rule), fc.ipV4(), (rules, address) => {
        expect(allows(rules, `::ffff:${address}`)).toBe(allows(rules, address));
      }),
    );
  });

  test("a peer whose address cannot be read is refused by the first rule that needs it", () => {
    expect(allows([{ deny: "10.0.0.0/8" }], "not an address")).toBe(false);
    expect(allows([{ allow: "10.0.0.0/8" }, { allow: "all" }], "")).toBe(false);
    expect(allows([{ allow: "all" }], "not an address")).toBe(true);
  });
});

describe("prepending", () => {
  test("the newest rule wins", () => {
    const result = prependAccessRule(compileAccessRules([{ allow: "all" }]), { deny: "10.0.0.0/8" });
    expect(result.ok && isAllowed(result.rules, "10.0.0.1")).toBe(false);
    expect(result.ok && formatAccessRules(result.rules)).toEqual([{ deny: "10.0.0.0/8" }, { allow: "all" }]);
  });

  test("a rule that is there, however written, is not added again", () => {
    const rules = compileAccessRules([{ allow: "all" }, { deny: "10.0.0.0/8" }]);
    expect(prependAccessRule(rules, { deny: "10.1.2.3/8" })).toEqual({ ok: false, error: "alreadyExists" });
    expect(prependAccessRule(rules, { allow: "10.0.0.0/8" }).ok).toBe(true);
  });
});

describe("text", () => {
  test("rules printed and compiled again are the same rules", () => {
    fc.assert(
      fc.property(fc.array(rule), (rules) => {
        const compiled = compileAccessRules(rules);
        expect(compileAccessRules(formatAccessRules(compiled))).toEqual(compiled);
      }),
    );
  });

  test("printed rules are canonical", () => {
    expect(formatAccessRules(compileAccessRules([{ deny: "10.1.2.3/8" }, { allow: "::1" }, { allow: "all" }]))).toEqual(
      [{ deny: "10.0.0.0/8" }, { allow: "::1/128" }, { allow: "all" }],
    );
  });
});

describe("faults", () => {
  test("every bad rule is named with its place", () => {
    const rules: readonly unknown[] = [
      { allow: "all" },
      { deny: "10.0.0.0/99" },
      "all",
      {},
      { alow: "all" },
      { allow: 7 },
    ];
    expect(checkAccessRules(rules).map(({ option }) => option)).toEqual([
      "accessRules[1].deny",
      "accessRules[2]",
      "accessRules[3]",
      "accessRules[4].alow",
      "accessRules[5].allow",
    ]);
  });

  test("a misspelt verdict is recognised", () => {
    expect(checkAccessRules([{ alow: "all" }])).toEqual([
      { option: "accessRules[0].alow", value: "all", expected: "did you mean allow?", isUnknown: true },
    ]);
  });

  test("a rule allows or denies, not both", () => {
    expect(checkAccessRules([{ allow: "all", deny: "all" }])).toHaveLength(1);
  });

  test("a rule beside a key that is none has one fault for each", () => {
    expect(checkAccessRules([{ deny: "nobody", comment: "?" }])).toHaveLength(2);
  });

  test("what is no list of rules is a fault by itself", () => {
    expect(checkAccessRules("all", "access")).toEqual([
      { option: "access", value: "all", expected: "an array of rules" },
    ]);
  });

  test("compiling bad rules throws all faults at once", () => {
    expect(() => compileAccessRules([{ deny: "nobody" }, { allow: "10.0.0.0/99" }])).toThrow(InvalidOptionError);
    expect(() => compileAccessRules([{ deny: "nobody" }, { allow: "10.0.0.0/99" }])).toThrow(
      /accessRules\[0\]\.deny .*"nobody"\n.*accessRules\[1\]\.allow .*"10\.0\.0\.0\/99"/s,
    );
  });
});
