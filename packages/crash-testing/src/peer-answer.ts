import { InvalidOptionError, type OptionIssue } from "@espalier/sockets";
import type { PeerOp } from "./peer-script.ts";
import type { Plan } from "./plan.ts";
import type { Probe } from "./target.ts";

export type AnswerOp = Extract<PeerOp, { readonly type: "answer" }>;

interface Answer {
  readonly bytes: Uint8Array;
  /** Where the match ends in the text. */
  readonly end: number;
}

/** What is sent for what has come; undefined as long as there is nothing to answer, or what it looks for is no pattern. */
export function answerTo(text: string, op: AnswerOp): Answer | undefined {
  const match = patternOf(op)?.exec(text) ?? undefined;
  if (match === undefined) return undefined;
  const said = op.with.replaceAll(/\$([$&1-9])/g, (_, sign: string) => {
    return sign === "$" ? sign : (match[sign === "&" ? 0 : Number(sign)] ?? "");
  });
  const bytes = Uint8Array.from(said, (character) => character.charCodeAt(0));
  return { bytes, end: match.index + match[0].length };
}

function patternOf({ to }: AnswerOp): RegExp | undefined {
  try {
    return new RegExp(to);
  } catch {
    // Runs refuse it before they begin; a client by itself goes on as if nothing had come.
    return undefined;
  }
}

/**
 * Refuses answers that nobody can give.
 *
 * @throws InvalidOptionError (`ERR_INVALID_OPTION`) that names all of them
 */
export function checkAnswers({ peers }: Plan, probe: Probe | undefined): void {
  const issues = [
    ...peers.flatMap(({ ops }, index) => issuesOf(ops, `peers[${index}].ops`)),
    ...issuesOf(probe?.ops ?? [], "probe.ops"),
  ];
  if (issues.length > 0) throw new InvalidOptionError(issues);
}

function issuesOf(ops: readonly PeerOp[], path: string): OptionIssue[] {
  return ops.flatMap((op, index): OptionIssue[] => {
    if (op.type !== "answer") return [];
    const option = `${path}[${index}]`;
    const isLatin1 = Array.from(op.with).every((character) => character <= "\xff");
    return [
      ...(patternOf(op) === undefined
        ? [{ option: `${option}.to`, value: op.to, expected: "the source of a regular expression" }]
        : []),
      ...(isLatin1 ? [] : [{ option: `${option}.with`, value: op.with, expected: "a text of Latin-1 characters" }]),
    ];
  });
}
