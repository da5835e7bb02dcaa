import type { ApiError, ApiErrorCode } from "./api-types.ts";

const STATUS: Readonly<Record<ApiErrorCode, number>> = {
  badRequest: 400,
  unauthorized: 401,
  hostRefused: 403,
  originRefused: 403,
  commandsOff: 403,
  notFound: 404,
  conflict: 409,
  tooLarge: 413,
  notJson: 415,
  busy: 503,
  timeout: 504,
  internal: 500,
};

/** A request is not served, and the client is told why: within this package only, where it becomes an answer. */
export class Refusal extends Error {
  readonly code: ApiErrorCode;

  constructor(code: ApiErrorCode, message: string) {
    super(message);
    this.name = "Refusal";
    this.code = code;
  }

  get status(): number {
    return STATUS[this.code];
  }

  get body(): ApiError {
    return { error: { code: this.code, message: this.message } };
  }
}
