import type { Hono } from "hono";
import type { PageFile } from "./page-files.ts";

/** The files of the page by their paths; undefined if it was not built. */
export type ReadPage = () => Promise<ReadonlyMap<string, PageFile> | undefined>;

const NOT_BUILT = "The inspector's page was not built: run `pnpm build`. The API is there: api/v1/overview.\n";

/** Only those who ask for the page need Node. */
const readBuilt: ReadPage = async () => (await import("./page-files.ts")).readPageFiles();

/**
 * Lets an application answer with the page and what belongs to it. It holds no facts, and needs no token: what it shows it
 * asks the API for.
 */
export function addPage(app: Hono, read: ReadPage = readBuilt): void {
  let files: ReadonlyMap<string, PageFile> | undefined;
  const answer = async (path: string): Promise<Response | undefined> => {
    files ??= await read();
    if (files === undefined) {
      return new Response(NOT_BUILT, { status: 503, headers: { "content-type": "text/plain; charset=utf-8" } });
    }
    const file = files.get(path);
    return file && new Response(file.body, { headers: file.headers });
  };
  app.get("/", async (context) => (await answer("")) ?? context.notFound());
  app.get("/assets/:name", async (context) => {
    return (await answer(`assets/${context.req.param("name")}`)) ?? context.notFound();
  });
}
