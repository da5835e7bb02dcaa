import type {
  ApiError,
  ChildrenAnswer,
  CommandAnswer,
  CommandName,
  Commands,
  HeatMapAnswer,
  ListenersAnswer,
  ProcessAnswer,
  RatesAnswer,
  StatechartAnswer,
  StreamEvents,
} from "@espalier/inspector/api-types";
import { signal } from "@preact/signals";

/** Beside the page itself, wherever the inspector is mounted. */
const BASE = "api/v1";
const TOKEN_KEY = "espalier.token";

/** What whoever sits here has to show. It stays in this tab, until it is closed. */
export const token = signal(sessionStorage.getItem(TOKEN_KEY) ?? "");

export function keepToken(text: string): void {
  token.value = text;
  if (text === "") sessionStorage.removeItem(TOKEN_KEY);
  else sessionStorage.setItem(TOKEN_KEY, text);
}

/** The inspector has answered, and refused. */
export class RefusedError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export type Parameters = Readonly<Record<string, string | number | undefined>>;

/** What the page asks, beside what it hears. */
export interface Answers {
  readonly children: ChildrenAnswer;
  readonly heatMap: HeatMapAnswer;
  readonly listeners: ListenersAnswer;
  readonly process: ProcessAnswer;
  readonly rates: RatesAnswer;
  readonly statechart: StatechartAnswer;
}

export async function ask<Question extends keyof Answers>(
  question: Question,
  parameters: Parameters,
  until?: AbortSignal,
): Promise<Answers[Question]> {
  const response = await request(`${question}${toQuery(parameters)}`, { ...(until && { signal: until }) });
  return (await response.json()) as Answers[Question];
}

export async function command<Name extends CommandName>(name: Name, body: Commands[Name]): Promise<CommandAnswer> {
  const response = await request(`commands/${name}`, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json" },
  });
  return (await response.json()) as CommandAnswer;
}

export type Told = {
  [Name in keyof StreamEvents]: { readonly name: Name; readonly data: StreamEvents[Name] };
}[keyof StreamEvents];

/** Reads a stream to its end. `EventSource` cannot send a token. */
export async function listen(
  parameters: Parameters,
  hear: (told: Told) => void,
  beat: () => void,
  until: AbortSignal,
): Promise<void> {
  const response = await request(`events${toQuery(parameters)}`, { signal: until });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done = true, value = "" } = (await reader?.read()) ?? {};
    if (done) return;
    beat();
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = new Map(block.split("\n").map((line) => splitOnce(line, ": ")));
      const data = fields.get("data");
      if (data !== undefined) hear({ name: fields.get("event"), data: JSON.parse(data) } as Told);
    }
  }
}

function splitOnce(line: string, separator: string): readonly [string, string] {
  const at = line.indexOf(separator);
  return at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + separator.length)];
}

async function request(path: string, init: RequestInit): Promise<Response> {
  const headers = new Headers(init.headers);
  if (token.value !== "") headers.set("authorization", `Bearer ${token.value}`);
  const response = await fetch(`${BASE}/${path}`, { ...init, headers });
  if (response.ok) return response;
  const told = (await response.json().catch(() => undefined)) as Partial<ApiError> | undefined;
  throw new RefusedError(response.status, told?.error?.message ?? `the answer was ${response.status}`);
}

function toQuery(parameters: Parameters): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== "");
  return given.length === 0 ? "" : `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}
