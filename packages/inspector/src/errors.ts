import { describeValue } from "@espalier/actors";

/** The base of everything this package throws. `code` is stable and meant for branching. */
export abstract class InspectorError extends Error {
  abstract readonly code: `ERR_${string}`;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** One fault in the options that were given. */
export interface OptionIssue {
  /** Path of the option: `allowedHosts[1]`. */
  readonly option: string;
  /** What was given; undefined for a token. */
  readonly value: unknown;
  /** What is allowed, as words that follow "must be". */
  readonly expected: string;
}

/** Options were refused, before any effect. The message lists every fault. */
export class InvalidOptionError extends InspectorError {
  readonly code = "ERR_INVALID_OPTION";
  readonly issues: readonly OptionIssue[];

  constructor(issues: readonly OptionIssue[]) {
    const lines = issues.map(({ option, value, expected }) => {
      // A token that is too short is a token all the same.
      return option === "token"
        ? `${option} must be ${expected}`
        : `${option} must be ${expected}; got ${describeValue(value)}`;
    });
    const [only = ""] = lines;
    super(lines.length === 1 ? `invalid option: ${only}` : [`${lines.length} invalid options:`, ...lines].join("\n  "));
    this.issues = issues;
  }
}

/** `listen` could not have the address; `reason` is the code of the system, such as `"EADDRINUSE"`. */
export class InspectorListenError extends InspectorError {
  readonly code = "ERR_LISTEN";
  readonly reason: string;

  constructor(address: string, reason: string, options?: ErrorOptions) {
    super(`the inspector cannot listen on ${address}: ${reason}`, options);
    this.reason = reason;
  }
}

/** The inspector was asked for something after `close`. */
export class InspectorClosedError extends InspectorError {
  readonly code = "ERR_INSPECTOR_CLOSED";

  constructor() {
    super("the inspector is closed");
  }
}
