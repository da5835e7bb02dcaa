/** Why a question or a command was refused. */
export interface ApiError {
  readonly error: {
    readonly code: ApiErrorCode;
    /** For people. */
    readonly message: string;
  };
}

export type ApiErrorCode =
  /** 400: a parameter is missing or not allowed. */
  | "badRequest"
  /** 401: a token is needed, and it was absent or wrong. */
  | "unauthorized"
  /** 403: the `Host` is not one under which this inspector may be reached. */
  | "hostRefused"
  /** 403: the request comes from another site. */
  | "originRefused"
  /** 403: this inspector takes no commands, since it was given no token. */
  | "commandsOff"
  /** 404: no such path, actor or listener; the actor may have died. */
  | "notFound"
  /** 409: the actor or listener is there, and the command does not fit it. */
  | "conflict"
  /** 413 or 414: more than a question or a command can need. */
  | "tooLarge"
  /** 415: a command is not JSON. */
  | "notJson"
  /** 503: too many streams are open, or too many actors traced. */
  | "busy"
  /** 504: the actor was asked and has not answered in time. */
  | "timeout"
  /** 500 */
  | "internal";
