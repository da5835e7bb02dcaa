import type {
  ApiError,
  ApiErrorCode,
  CommandAnswer,
  CommandName,
  Commands,
  ProcessId,
  StreamEvents,
  Topic,
} from "../api-types.ts";
import { orGone } from "./or-gone.ts";
import { ServerEventReader } from "./server-events.ts";
import { printable } from "./text.ts";

/** A running inspector could not be asked, or has refused. The message is one line for people. */
export class RemoteError extends Error {
  override readonly name = "RemoteError";
  /** What the inspector calls it; undefined when it was not the inspector that refused. */
  readonly code: ApiErrorCode | undefined;

  constructor(message: string, code?: ApiErrorCode, options?: ErrorOptions) {
    super(printable(message), options);
    this.code = code;
  }
}

/** Where an inspector is, and what gives the right to command it. */
export interface ClientOptions {
  readonly url: URL;
  readonly token: string | undefined;
  /** Ends all that is under way. */
  readonly signal: AbortSignal;
}

/** One event of a stream, by its name. */
export type StreamEvent = {
  readonly [Name in keyof StreamEvents]: { readonly name: Name; readonly data: StreamEvents[Name] };
}[keyof StreamEvents];

/** Whoever does not answer in this time is not there. */
const PATIENCE_MS = 15_000;
/** The inspector itself waits so long for an actor that is told something. */
const COMMAND_PATIENCE_MS = 35_000;

/** What gives answers: an inspector, or in tests something of the same kind. */
export type Ask = <Answer>(question: string, parameters?: Readonly<Record<string, string | number>>) => Promise<Answer>;

/** The API of an inspector over HTTP. All of it throws {@link RemoteError}. */
export class InspectorClient {
  readonly #base: string;
  readonly #shown: string;
  readonly #token: string | undefined;
  readonly #signal: AbortSignal;

  constructor({ url, token, signal }: ClientOptions) {
    this.#base = `${url.origin}${url.pathname.replace(/\/+$/u, "")}/api/v1`;
    this.#shown = url.origin;
    this.#token = token;
    this.#signal = signal;
  }

  get hasToken(): boolean {
    return this.#token !== undefined;
  }

  /** Asks a question. */
  ask: Ask = async <Answer>(question: string, parameters: Readonly<Record<string, string | number>> = {}) => {
    const response = await this.#fetch(pathOf(question, parameters), {}, PATIENCE_MS);
    return (await this.#read(response)) as Answer;
  };

  /** The same, or undefined when what is asked about is not there. */
  async find<Answer>(
    question: string,
    parameters: Readonly<Record<string, string | number>>,
  ): Promise<Answer | undefined> {
    return orGone(this.ask<Answer>(question, parameters));
  }

  /** Gives a command. */
  async tell<Name extends CommandName>(name: Name, body: Commands[Name]): Promise<CommandAnswer> {
    const init = { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } };
    const response = await this.#fetch(`/commands/${name}`, init, COMMAND_PATIENCE_MS);
    return (await this.#read(response)) as CommandAnswer;
  }

  /** Listens to a stream until it ends. */
  async *events(topics: readonly Topic[], id: ProcessId): AsyncGenerator<StreamEvent, void> {
    const response = await this.#fetch(pathOf("events", { topics: topics.join(","), id }), {}, undefined);
    if (!response.ok || response.body === null) throw await this.#refusal(response);
    const reader = new ServerEventReader();
    const decoder = new TextDecoder();
    try {
      // The types of Node's own streams do not say that they can be iterated.
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        for (const { name, data } of reader.read(decoder.decode(chunk, { stream: true }))) {
          yield { name, data: JSON.parse(data) } as StreamEvent;
        }
      }
    } catch (error) {
      throw this.#unreachable(error);
    }
  }

  async #fetch(path: string, init: RequestInit, timeoutMs: number | undefined): Promise<Response> {
    const signals = timeoutMs === undefined ? [this.#signal] : [this.#signal, AbortSignal.timeout(timeoutMs)];
    const headers = new Headers(init.headers);
    if (this.#token !== undefined) headers.set("authorization", `Bearer ${this.#token}`);
    try {
      return await fetch(this.#base + path, { ...init, headers, redirect: "error", signal: AbortSignal.any(signals) });
    } catch (error) {
      throw this.#unreachable(error);
    }
  }

  async #read(response: Response): Promise<unknown> {
    if (!response.ok) throw await this.#refusal(response);
    try {
      return await response.json();
    } catch (error) {
      if (error instanceof SyntaxError) throw this.#stranger(response.status);
      throw this.#unreachable(error);
    }
  }

  async #refusal(response: Response): Promise<RemoteError> {
    // What is no JSON is no answer of an inspector, whatever else it is.
    const body = (await response.json().catch(() => undefined)) as Partial<ApiError> | undefined;
    const error = body?.error;
    if (error === undefined || typeof error.message !== "string") return this.#stranger(response.status);
    const hint = error.code === "unauthorized" ? "; give it by --token or in ESPALIER_TOKEN" : "";
    return new RemoteError(error.message + hint, error.code);
  }

  #stranger(status: number): RemoteError {
    return new RemoteError(`there is no inspector at ${this.#shown}: it answers ${status} and no facts`);
  }

  #unreachable(error: unknown): RemoteError {
    return new RemoteError(`cannot reach ${this.#shown}: ${causeOf(error)}`, undefined, { cause: error });
  }
}

function pathOf(question: string, parameters: Readonly<Record<string, string | number>>): string {
  const query = Object.entries(parameters).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `/${question}${query.length === 0 ? "" : `?${query.join("&")}`}`;
}

const CAUSES: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "the connection was reset",
  EHOSTUNREACH: "the host is not reached",
  ENOTFOUND: "there is no such host",
  EAI_AGAIN: "the name of the host is not found at the moment",
  ETIMEDOUT: "it does not answer",
  UND_ERR_CONNECT_TIMEOUT: "it does not answer",
  UND_ERR_SOCKET: "the connection was closed",
};

/** `fetch` tells what has happened by the cause of its error, or by the causes of that. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return "it failed";
  if (error.name === "TimeoutError") return "it does not answer";
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  if (code !== undefined && CAUSES[code] !== undefined) return CAUSES[code];
  if (error.cause !== undefined) return causeOf(error.cause);
  return error.message === "" ? (code ?? error.name) : error.message;
}
