import { Hono } from "hono";
import type { Commander } from "./commands.ts";
import type { ChildSort, HeatMeasure, LogKind, Topic } from "./api-types.ts";
import { checkSource, checkToken, foreignOrigin, SECURITY_HEADERS } from "./guard.ts";
import type { InspectorConfig } from "./options.ts";
import { addPage } from "./page-routes.ts";
import { Query } from "./query.ts";
import type { Readings } from "./readings.ts";
import { Refusal } from "./refusal.ts";
import type { Streams } from "./streams.ts";

/** What the API is made of. */
export interface ApiParts {
  readonly config: InspectorConfig;
  readonly readings: Readings;
  readonly commander: Commander;
  readonly streams: Streams;
  readonly isClosed: () => boolean;
  /** Something has failed that should not; what may be said of it, the log says. */
  readonly failed: (error: unknown) => void;
}

const SORTS: readonly ChildSort[] = [
  "age",
  "mailbox",
  "reductions",
  "bytesReceived",
  "bytesSent",
  "bytes",
  "unsentBytes",
  "restarts",
  "rate",
  "state",
  "key",
];
const MEASURES: readonly HeatMeasure[] = [
  "state",
  "mailbox",
  "reductions",
  "bytesReceived",
  "bytesSent",
  "unsentBytes",
];
const KINDS: readonly LogKind[] = ["crash", "restart", "supervisor", "alarm", "command"];
const TOPICS: readonly Topic[] = ["overview", "tree", "listeners", "rates", "log", "process", "trace"];
const MOST_NUMBER = Number.MAX_SAFE_INTEGER;
/** More than any command needs. */
const MOST_BODY_BYTES = 8192;

/** Answers one question: the facts, or undefined when what they are about is not there. */
type Answer = (query: Query) => object | undefined;

/** The API as an application of the Fetch standard. */
export function createApi(parts: ApiParts): Hono {
  const { config, readings, commander, streams } = parts;
  const app = new Hono();

  app.use(async (context, next) => {
    const { req: request } = context;
    const origin = foreignOrigin(request.raw, config);
    try {
      if (parts.isClosed()) throw new Refusal("notFound", "this inspector is closed");
      checkSource(request.raw, config);
      if (origin !== undefined && request.method === "OPTIONS") context.res = preflight();
      else await next();
    } catch (error) {
      // What a handler throws comes by `onError`; this is what was refused before.
      context.res = refusalOf(error, parts);
    }
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
      // The page has a policy of its own.
      if (!context.res.headers.has(name)) context.res.headers.set(name, value);
    }
    if (origin !== undefined) context.res.headers.set("access-control-allow-origin", origin);
    context.res.headers.append("vary", "origin");
  });
  app.onError((error) => refusalOf(error, parts));
  app.notFound((context) => {
    return refusalOf(new Refusal("notFound", `there is no ${context.req.method} of this path`), parts);
  });

  const questions: Readonly<Record<string, Answer>> = {
    overview: () => readings.overview(),
    tree: (query) => {
      const root = query.text("root");
      const depth = query.integer("depth", 0, 64);
      return readings.tree({ ...(root !== undefined && { root }), ...(depth !== undefined && { depth }) });
    },
    children: (query) =>
      readings.children(query.needText("id"), {
        offset: query.integer("offset", 0, MOST_NUMBER) ?? 0,
        limit: query.integer("limit", 1, 200) ?? 50,
        sort: query.oneOf("sort", SORTS) ?? "age",
        order: query.oneOf("order", ["asc", "desc"]) ?? "asc",
        filter: query.text("filter"),
        state: query.text("state"),
      }),
    heatMap: (query) => readings.heatMap(query.needText("id"), query.oneOf("by", MEASURES)),
    process: (query) => {
      const { id, pid } = query.idOrPid();
      return id === undefined ? readings.processOf(pid ?? 0) : readings.process(id);
    },
    statechart: (query) => readings.statechart(query.needText("id")),
    listeners: () => readings.listeners(),
    rates: () => readings.rates(),
    log: (query) =>
      readings.log({
        after: query.integer("after", 0, MOST_NUMBER),
        limit: query.integer("limit", 1, 500) ?? 100,
        kind: query.oneOf("kind", KINDS),
      }),
    trace: (query) => readings.trace(query.needText("id"), query.integer("after", 0, MOST_NUMBER)),
  };
  for (const [name, answer] of Object.entries(questions)) {
    app.get(`/api/v1/${name}`, ({ req: request }) => {
      const query = readQuery(request.raw, config);
      const facts = answer(query);
      query.end();
      if (facts === undefined) throw new Refusal("notFound", "it is not there; it may have died");
      return json(facts);
    });
  }

  app.get("/api/v1/events", ({ req: request }) => {
    const query = readQuery(request.raw, config);
    const topics = topicsOf(query.needText("topics"));
    const id = query.text("id");
    const given = query.integer("after", 0, MOST_NUMBER);
    query.end();
    if (id === undefined && (topics.includes("process") || topics.includes("trace"))) {
      throw new Refusal("badRequest", "id is missing");
    }
    // What a browser sends when it connects again.
    const last = request.header("last-event-id");
    const after = last !== undefined && /^\d{1,15}$/u.test(last) ? Number(last) : given;
    return new Response(streams.open({ topics, id, after }), {
      headers: { "content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no" },
    });
  });

  app.post("/api/v1/commands/:name", async ({ req: request }) => {
    checkToken(request.raw, config);
    const [type = ""] = (request.header("content-type") ?? "").split(";");
    if (type.trim().toLowerCase() !== "application/json") throw new Refusal("notJson", "a command is application/json");
    Query.ofUrl(new URL(request.url)).end();
    const body = Query.ofBody(parseJson(await readBody(request.raw)));
    return json(await commander.run(request.param("name"), body));
  });

  addPage(app);
  return app;
}

/** A question's parameters, if it may be asked. `HEAD` would be answered as a `GET`, and would open streams. */
function readQuery(request: Request, config: InspectorConfig): Query {
  if (request.method !== "GET") throw new Refusal("notFound", "questions are asked by GET");
  if (config.protectReads) checkToken(request, config);
  return Query.ofUrl(new URL(request.url));
}

function topicsOf(text: string): readonly Topic[] {
  const names = [...new Set(text.split(","))];
  const topics = TOPICS.filter((topic) => names.includes(topic));
  if (topics.length === names.length) return topics;
  throw new Refusal("badRequest", `topics must be some of ${TOPICS.join(", ")}, with commas`);
}

/** Reads no more than a command can be, whatever the client says or does not say of its length. */
async function readBody(request: Request): Promise<string> {
  const { body } = request;
  if (body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  // The types of Node's own streams do not say that they can be iterated.
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    length += chunk.byteLength;
    if (length > MOST_BODY_BYTES) throw new Refusal("tooLarge", `a command has at most ${MOST_BODY_BYTES} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal("badRequest", "the body is not JSON");
  }
}

function json(facts: object, status = 200): Response {
  return new Response(JSON.stringify(facts), {
    status,
    headers: { "content-type": "application/json; charset=utf-8" },
  });
}

function preflight(): Response {
  return new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-methods": "GET, POST",
      "access-control-allow-headers": "authorization, content-type",
      "access-control-max-age": "600",
    },
  });
}

/** Nothing of an error that nobody has thought of is told to a client. */
function refusalOf(error: unknown, parts: ApiParts): Response {
  if (error instanceof Refusal) return json(error.body, error.status);
  parts.failed(error);
  return json(new Refusal("internal", "this should not have happened; see the log of the program").body, 500);
}
