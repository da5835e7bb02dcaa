import { child, defineSupervisor } from "@espalier/supervisor";
import type { Browser, Page } from "playwright-core";
import { Hono } from "hono";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { readPageFiles } from "../src/page-files.ts";
import { addPage } from "../src/page-routes.ts";
import { missing, startBrowser } from "./support/browser.ts";
import { PageWorld, TOKEN } from "./support/page-world.ts";
import { InspectedWorld, keeper } from "./support/world.ts";

const MOST_BYTES = 60_000;
const HOSTILE = "<img src=x onerror=hacked=1>";
/** Not more, however many connections there are. */
const MOST_DOM_NODES = 700;

async function giveToken(page: Page): Promise<void> {
  await page.locator("dialog input").fill(TOKEN);
  await page.getByRole("button", { name: "Use it" }).click();
}

/** Waits for a figure at the top of the page. */
async function seeFigure(page: Page, name: string, value: string): Promise<void> {
  await page.locator(`[data-figure="${name}"]`, { hasText: new RegExp(`^${value}$`, "u") }).waitFor();
}

// What is tested is the page of these sources, whatever was built before.
beforeAll(() => build({ configFile: `${import.meta.dirname}/../page/vite.config.ts`, logLevel: "error" }), 60_000);

describe("its files", () => {
  test("are small", async () => {
    const files = await readPageFiles();
    const sizes = [...(files ?? [])].map(([, { body }]) => gzipSync(body, { level: 9 }).length);
    expect(sizes.length).toBeGreaterThan(2);
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(MOST_BYTES);
  });

  test("are served, and name nothing else", async () => {
    const world = await InspectedWorld.create();
    const page = await world.inspector.app.request("/");
    const text = await page.text();
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(page.headers.get("cache-control")).toBe("no-cache");
    expect(page.headers.get("x-frame-options")).toBe("DENY");
    const named = [...text.matchAll(/(?:src|href)="([^"]+)"/gu)].map(([, path = ""]) => path);
    expect(new Set(named.map((path) => path.split(".").at(-1)))).toEqual(new Set(["css", "js", "svg"]));
    for (const path of named) {
      expect(path).toMatch(/^\.\/assets\//u);
      const asset = await world.inspector.app.request(path.slice(1));
      expect(asset.status).toBe(200);
      expect(asset.headers.get("cache-control")).toContain("immutable");
      expect(asset.headers.get("x-content-type-options")).toBe("nosniff");
    }
  });

  test("allow themselves neither styles nor scripts in their text, nor markup made of strings", async () => {
    const world = await InspectedWorld.create();
    const policy = (await world.inspector.app.request("/")).headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("require-trusted-types-for 'script'");
    expect(policy).not.toContain("unsafe");
    // Answers of the API keep theirs.
    const { headers } = await world.ask("overview");
    expect(headers.get("content-security-policy")).not.toContain("self");
  });

  test("are the only ones that are given away", async () => {
    const world = await InspectedWorld.create();
    for (const path of ["/assets/index.html", "/assets/..%2f..%2findex.js", "/assets/none.js", "/index.js", "/src/"]) {
      expect((await world.inspector.app.request(path)).status).toBe(404);
    }
  });

  test("are refused to those who come under another name, as the API is", async () => {
    const world = await InspectedWorld.create();
    expect((await world.inspector.app.request("http://rebind.example/")).status).toBe(403);
  });
});

test("a page that was not built says so in a line", async () => {
  const nowhere = pathToFileURL(`${import.meta.dirname}/no-such-folder/`);
  expect(await readPageFiles(nowhere)).toBeUndefined();
  const app = new Hono();
  addPage(app, () => readPageFiles(nowhere));
  const answer = await app.request("/");
  expect(answer.status).toBe(503);
  expect(await answer.text()).toMatch(/^The inspector's page was not built: run `pnpm build`.*\n$/u);
});

describe.skipIf(missing !== "")(`in a real browser${missing && ` (skipped: ${missing})`}`, { timeout: 60_000 }, () => {
  let browser: Browser;
  const ends: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    browser = await startBrowser();
  }, 60_000);

  afterAll(() => browser?.close());

  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end();
  });

  async function start(...given: Parameters<typeof PageWorld.start>): Promise<PageWorld> {
    const world = await PageWorld.start(...given);
    ends.push(() => world.stop());
    return world;
  }

  /** Opens the page; whatever it should not have done is an error at the end. */
  async function open(world: PageWorld, path = "", width = 1280): Promise<Page> {
    const page = await browser.newPage({ viewport: { width, height: 800 } });
    const errors: string[] = [];
    page.on("pageerror", ({ message }) => errors.push(message));
    page.on("console", (message) => {
      // Chromium notes each answer that is a refusal; those are no mistakes of the page.
      if (message.type() === "error" && !message.text().startsWith("Failed to load")) errors.push(message.text());
    });
    ends.push(async () => {
      await page.close();
      expect(errors).toEqual([]);
    });
    await page.goto(`${world.url}/#/${path}`);
    await page.locator(".link.live").waitFor();
    return page;
  }

  test("a connection that is killed dies, its siblings live, and all counts agree", async () => {
    const world = await start(12);
    const before = await world.listener.connections();
    const page = await open(world, "connections");
    await page.locator('.row[aria-rowindex="5"][data-id]').click();
    const pid = await page.locator(".facts dd").first().textContent();
    const victim = before.find((candidate) => candidate.toString() === pid);
    expect(victim).toBeDefined();

    await page.getByRole("button", { name: "Kill" }).click();
    await page.locator("dialog .danger").click();
    await giveToken(page);
    await page.locator(".chip.dead").waitFor();

    const after = await world.listener.connections();
    expect(after).toEqual(before.filter((candidate) => candidate !== victim));
    await seeFigure(page, "connections", "11");
    await page.getByRole("link", { name: "connections" }).first().click();
    await page.locator('.count[data-total="11"][data-matching="11"]').waitFor();
    expect(world.listener.currentClients).toBe(11);
  });

  test("a wrong token kills nobody, and is asked for again", async () => {
    const world = await start(1);
    const page = await open(world, "connections");
    await page.locator(".row[data-id]").click();
    await page.getByRole("button", { name: "Kill" }).click();
    await page.locator("dialog .danger").click();
    await page.locator("dialog input").fill("not-the-right-token");
    await page.keyboard.press("Enter");
    await page.getByText("not the right one").waitFor();
    expect(world.listener.currentClients).toBe(1);
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
    expect(world.listener.currentClients).toBe(1);
  });

  test("with the keyboard alone: kill a server in the tree, and watch it heal where it stood", async () => {
    const world = await start(0);
    const pair = defineSupervisor({
      strategy: "oneForOne",
      children: [
        { id: HOSTILE, start: child(keeper, "first") },
        { id: "two", start: child(keeper, "first") },
      ],
    });
    world.system.spawn(pair, undefined);
    const page = await open(world);
    const hostile = page.locator(`[role=treeitem][data-path$="${HOSTILE}"]`);
    const two = page.locator("[role=treeitem][data-path$='/two']");
    await hostile.waitFor();
    const place = await hostile.boundingBox();
    const pidOf = (key: string): number | undefined =>
      world.system.inspect().processes.find(({ id }) => id === key)?.pid.id;
    const sibling = pidOf("two");

    // What is in the tree is text.
    expect(await hostile.locator("b").textContent()).toBe(HOSTILE);
    expect(await page.evaluate("typeof hacked")).toBe("undefined");

    await two.focus();
    await page.keyboard.press("ArrowUp");
    await page.locator("[role=treeitem][aria-selected=true]", { hasText: HOSTILE }).waitFor();
    await page.keyboard.press("Delete");
    await page.locator("dialog").waitFor();
    await page.keyboard.press("Enter");
    await page.locator("dialog input").waitFor();
    await page.keyboard.type(TOKEN);
    await page.keyboard.press("Enter");

    await hostile.locator(".badge", { hasText: "↻ 1" }).waitFor();
    expect(await hostile.boundingBox()).toEqual(place);
    expect(pidOf("two")).toBe(sibling);
    await seeFigure(page, "restarts", "1");
    await page.goto(`${world.url}/#/log`);
    await page.locator(".entries .command", { hasText: "kill" }).waitFor();
    await page.locator(".entries .restart", { hasText: HOSTILE }).waitFor();
  });

  test("the statechart lights up the state, and a traced transition flashes", async () => {
    const world = await start(1);
    const page = await open(world, "connections");
    await page.locator(".row[data-id]").click();
    await page.locator(".state.lit:not(.frame)").waitFor();
    const lit = await page.locator(".state.lit:not(.frame) text").first().textContent();
    expect(await page.locator(".chip.state").textContent()).toContain(lit);
    await page.getByRole("button", { name: "Trace" }).click();
    await giveToken(page);
    await page.locator(".chip.traced").waitFor();
    world.clients[0]?.write(Buffer.from("hello"));
    await page.locator(".flash[data-edge]").first().waitFor({ state: "attached" });
    await page.locator(".trace li", { hasText: "data" }).waitFor();
  });

  test("it says that the inspector is lost, and comes back with it", async () => {
    const world = await start(3);
    const page = await open(world);
    const { port } = world.listening;
    await world.listening.close();
    await page.locator(".banner[role=alert]").waitFor();
    // What was there is still to be seen.
    await page.locator("[role=treeitem]").first().waitFor();
    world.listening = await world.inspector.listen({ port });
    await page.locator(".link.live").waitFor();
    await world.connect(1);
    await seeFigure(page, "connections", "4");
    expect(await page.locator(".banner").count()).toBe(0);
  });

  test("without the token, an inspector that is protected shows nothing but that", async () => {
    const world = await start(2, { protectReads: true });
    const page = await browser.newPage();
    ends.push(() => page.close());
    await page.goto(world.url);
    await page.getByRole("button", { name: "Give the token" }).click();
    expect(await page.locator("[role=treeitem]").count()).toBe(0);
    await giveToken(page);
    await page.locator("[role=treeitem]").first().waitFor();
    await seeFigure(page, "connections", "2");
  });

  test("where there is nothing, it says so", async () => {
    const world = await start(0);
    const page = await open(world, "log");
    const says = async (path: string, text: string): Promise<void> => {
      await page.goto(`${world.url}/#/${path}`);
      await page.locator(".empty", { hasText: text }).waitFor();
    };
    await says("log", "Nothing has gone wrong");
    await says("connections", "No connection is open");
    await says("connections/nowhere", "nowhere is not there");
    await says("process/999.1.nobody", "not there");
    expect(await page.locator(".banner").count()).toBe(0);
  });

  test("on a phone nothing is wider than the screen", async () => {
    const world = await start(30);
    const page = await open(world, "", 360);
    for (const view of ["tree", "connections", "listeners", "charts", "log"]) {
      await page.goto(`${world.url}/#/${view}`);
      await page.locator(`nav [aria-current]`, { hasText: view }).waitFor();
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(360);
    }
  });

  test("20,000 connections are a list of a few rows, and it scrolls to any of them", async () => {
    const count = 20_000;
    const world = await start(count, { tickMs: 1000 });
    const page = await open(world, "connections");
    await page.locator(`.count[data-total="${count}"]`).waitFor();
    const framesPerSecond = await page.evaluate(`new Promise((resolve) => {
      const rows = document.querySelector(".rows");
      const started = performance.now();
      let frames = 0;
      const next = () => {
        frames += 1;
        rows.scrollTop += 2000;
        if (frames < 90) requestAnimationFrame(next);
        else resolve((1000 * frames) / (performance.now() - started));
      };
      requestAnimationFrame(next);
    })`);
    // Far less than it is, even on a machine that is busy with other things.
    expect(framesPerSecond).toBeGreaterThan(4);
    await page.locator(".rows").press("End");
    await page.locator(`.row[aria-rowindex="${count}"][data-id]`).waitFor();
    expect(await page.evaluate("document.querySelectorAll('*').length")).toBeLessThan(MOST_DOM_NODES);
    await page.locator("input[type=search]").fill("no such client");
    await page.locator('.count[data-matching="0"]').waitFor();
  });
});
