// One of the files that know Node, as `node.ts` does: the page lies on its disk. It is loaded when somebody asks for the page.
import { readdir, readFile } from "node:fs/promises";

/** A file of the page, as a browser gets it. */
export interface PageFile {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly headers: Readonly<Record<string, string>>;
}

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

/** The page runs, and asks for, what is its own and nothing else. It has no style and no script in its text. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

/** The name of an asset has a hash of what is in it. */
const FOREVER = "private, max-age=31536000, immutable";
const BUILT: URL = new URL("../dist/page/", import.meta.url);

/**
 * All files of the page by their paths, of which the first is "". They are read once: a request is answered from them, and
 * no path of a request is ever looked up on the disk. Undefined if the page was not built.
 */
export async function readPageFiles(folder: URL = BUILT): Promise<ReadonlyMap<string, PageFile> | undefined> {
  const files = new Map<string, PageFile>();
  const add = async (path: string, url: URL, cacheControl: string): Promise<void> => {
    const type = TYPES[url.pathname.split(".").at(-1) ?? ""];
    if (type === undefined) return;
    const body = new Uint8Array(await readFile(url));
    const headers = { "content-type": type, "cache-control": cacheControl, "content-security-policy": POLICY };
    files.set(path, { body, headers });
  };
  try {
    // The one file that has no hash says which others there are.
    await add("", new URL("index.html", folder), "no-cache");
    for (const name of await readdir(new URL("assets/", folder))) {
      await add(`assets/${name}`, new URL(`assets/${name}`, folder), FOREVER);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return files;
}
