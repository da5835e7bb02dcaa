import { InvalidOptionError, type OptionIssue } from "@espalier/sockets";
import type { AnyStateMachine } from "xstate";
import type { Invariant } from "./invariant.ts";
import { isMatch, nameOf, nodesOf } from "./statechart-coverage.ts";

/** What actors are told by others, and connections by their sockets, whether their machines have transitions for it or not. */
const TOLD: readonly string[] =
  "call info exit down response shutdown socketReady secured data closed error timeout".split(" ");

/** What laws say of a machine that is not so: they name states that it does not have, or events that it knows nothing of. */
export function unknownNames(invariants: readonly Invariant[], machine: AnyStateMachine): OptionIssue[] {
  const nodes = nodesOf(machine.root);
  const states = nodes.filter((node) => node !== machine.root && node.type !== "history").map(nameOf);
  const descriptors = [...new Set(nodes.flatMap((node) => Array.from(node.transitions.keys())))];
  const events = [...descriptors.filter((name) => !isInternal(name) && !TOLD.includes(name)), ...TOLD];
  const isEvent = (type: string): boolean =>
    isInternal(type) || events.includes(type) || descriptors.some((descriptor) => isMatch(descriptor, type));
  return invariants.flatMap(({ names }, index) => {
    // Those that it picks may be other machines.
    if (names === undefined || names.of !== undefined) return [];
    const issues = (
      kind: string,
      given: Readonly<Record<string, string | undefined>> = {},
      isKnown: (name: string) => boolean,
      known: readonly string[],
    ): OptionIssue[] => {
      const expected = `${kind} of the machine ${machine.id} (${known.join(", ")}), or \`of\` given for another machine`;
      return Object.entries(given).flatMap(([option, value]) => {
        if (value === undefined || isKnown(value)) return [];
        return [{ option: `invariants[${index}].${option}`, value, expected }];
      });
    };
    return [
      ...issues("a state", names.states, (name) => states.includes(name), states),
      ...issues("an event", names.events, isEvent, events),
    ];
  });
}

/** @throws InvalidOptionError (`ERR_INVALID_OPTION`) that tells of all that the laws get wrong; of no machine, nothing is known */
export function checkNames(invariants: readonly Invariant[], machine: AnyStateMachine | undefined): void {
  const issues = machine === undefined ? [] : unknownNames(invariants, machine);
  if (issues.length > 0) throw new InvalidOptionError(issues);
}

/** One that XState makes: of a delay, of the end of a state or of a child. */
function isInternal(type: string): boolean {
  return type.startsWith("xstate.");
}
