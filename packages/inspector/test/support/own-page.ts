import { Hono } from "hono";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "vite";
import { type NodeServer, serve } from "../../src/node.ts";
import { readPageFiles } from "../../src/page-files.ts";
import { addPage } from "../../src/page-routes.ts";
import type { PageWorld } from "./page-world.ts";

/** The page of these sources in a folder of its own: the one that inspectors read is built by another test at the same time. */
export class OwnPage {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async build(): Promise<OwnPage> {
    const folder = await mkdtemp(join(tmpdir(), "espalier-page-"));
    const configFile = `${import.meta.dirname}/../../page/vite.config.ts`;
    await build({ configFile, build: { outDir: folder }, logLevel: "error" });
    return new OwnPage(folder);
  }

  /** Serves it with the API of the world's inspector. */
  serve({ inspector }: PageWorld): Promise<NodeServer> {
    const app = new Hono();
    addPage(app, () => readPageFiles(pathToFileURL(`${this.#folder}/`)));
    app.all("*", ({ req: request }) => inspector.fetch(request.raw));
    return serve(
      (request) => app.fetch(request),
      "127.0.0.1",
      0,
      () => undefined,
    );
  }

  remove(): Promise<void> {
    return rm(this.#folder, { recursive: true });
  }
}
