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
import { giveToken, scrollTo, seeFigure, startStopwatch } from "./support/visitor.ts";
import { InspectedWorld, keeper } from "./support/world.ts";

const MOST_BYTES = 60_000;
const HOSTILE = "<img src=x onerror=hacked=1>";
/** Not more, however many connections there are. */
const MOST_DOM_NODES = 700;
const FRAMES = 90;
/** About 6 it is; with a row for each of 20,000 connections it would be more than 300. */
const MOST_FRAME_MS = 50;

/** Actors of this id, each of which crashes. */
async function crash({ system }: PageWorld, id: string, times: number): Promise<void> {
  for (let count = 0; count < times; count += 1) {
    system.send(system.spawn(keeper, "first", { id }), { type: "crash", text: "" });
    await system.idle();
  }
}

// What is tested is the page of these sources, whatever was built before. It is built to where inspectors read it, so
// that no other file may do the same at the same time.
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

  test("the limit of a listener is set on a phone, and the server's sentence stands beside a bad one", async () => {
    const world = await start(3);
    const page = await open(world, "listeners", 360);
    const field = page.getByLabel("Max clients");
    const error = page.locator(".setting", { has: field }).getByRole("alert");
    await field.fill("2");
    await field.press("Enter");
    await giveToken(page);
    await page.locator("meter[max='2']").waitFor();
    expect(world.listener.maxClients).toBe(2);
    await world.connectInVain();
    // Whoever was there stays.
    expect(world.listener.info).toMatchObject({ currentClients: 3, stats: { closedMaxLimit: 1 } });

    for (const bad of ["0", "many", ""]) {
      await field.fill(bad);
      expect(await error.textContent()).toBe("");
      await page.getByRole("button", { name: "Set", exact: true }).click();
      await error.filter({ hasText: 'maxClients must be an integer from 1, or "infinity"' }).waitFor();
      expect(await field.getAttribute("aria-invalid")).toBe("true");
      expect(await field.inputValue()).toBe(bad);
    }
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(360);
    expect(world.listener.maxClients).toBe(2);

    await page.getByRole("button", { name: "No limit" }).click();
    await page.locator("meter").waitFor({ state: "detached" });
    expect([await field.inputValue(), await error.textContent()]).toEqual(["infinity", ""]);
    expect(world.listener.maxClients).toBe("infinity");
  });

  test("with the keyboard alone: a block is denied, an address in it allowed, until that is taken back", async () => {
    const world = await start(1);
    const page = await open(world, "listeners");
    const verdict = page.getByLabel("Allow or deny");
    const field = page.getByLabel("New first rule");
    const rules = page.locator(".rules li");
    await verdict.focus();
    await page.keyboard.press("Tab");
    await page.keyboard.type("127.9.9.9/8");
    await page.keyboard.press("Enter");
    await page.locator("dialog input").waitFor();
    await page.keyboard.type(TOKEN);
    await page.keyboard.press("Enter");
    await rules.first().filter({ hasText: "127.0.0.0/8" }).waitFor();
    expect(await rules.allTextContents()).toEqual(["deny127.0.0.0/8×", "allowall×"]);
    expect(world.listener.accessRules).toEqual([{ deny: "127.0.0.0/8" }, { allow: "all" }]);
    await world.connectInVain();
    expect(world.listener.info).toMatchObject({ currentClients: 1, stats: { closedForbidden: 1 } });

    // After the question for the token it goes on where it was.
    await page.locator("input:focus:placeholder-shown").waitFor();
    await page.keyboard.type("everybody");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: 'got "everybody"' }).waitFor();
    expect(await field.getAttribute("aria-invalid")).toBe("true");
    expect(world.listener.accessRules).toHaveLength(2);

    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("a");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Control+a");
    await page.keyboard.type("127.0.0.1");
    await page.keyboard.press("Enter");
    await rules.first().filter({ hasText: "allow" }).waitFor();
    expect(await field.inputValue()).toBe("");
    expect(world.listener.accessRules[0]).toEqual({ allow: "127.0.0.1/32" });
    await world.connect(1);
    expect(world.listener.currentClients).toBe(2);

    await page.getByRole("button", { name: "Remove allow 127.0.0.1/32" }).focus();
    await page.keyboard.press("Enter");
    await rules.first().filter({ hasText: "deny" }).waitFor();
    expect(world.listener.accessRules).toEqual([{ deny: "127.0.0.0/8" }, { allow: "all" }]);
  });

  test("an inspector without a token shows limits and rules, and nothing to change them with", async () => {
    const world = await start(1, {}, false);
    await world.listener.setOptions({ maxClients: 5, accessRules: [{ deny: "10.0.0.0/8" }] });
    const page = await open(world, "listeners");
    await page.locator(".rules li", { hasText: "10.0.0.0/8" }).waitFor();
    await page.getByText("of 5").waitFor();
    expect(await page.locator("main :is(button, input, select)").count()).toBe(0);
  });

  test("whoever comes back, or loads it again, finds a list as it was left", async () => {
    const world = await start(300);
    const page = await open(world, "connections");
    const filter = page.locator("input[type=search]");
    await filter.fill("127.0.0.1");
    await page.getByLabel("State", { exact: true }).selectOption("WAIT_FOR_DATA");
    await page.locator(".row.head button", { hasText: "who" }).click();
    await page.locator(".row.head button", { hasText: "who" }).click();
    await page.locator('.count[data-matching="300"]').waitFor();
    await scrollTo(page.locator(".rows"), 3200);
    const row = page.locator('.row[aria-rowindex="105"][data-id]');
    await row.waitFor();
    const before = { id: await row.getAttribute("data-id"), place: await row.boundingBox() };
    const isAsBefore = async (): Promise<void> => {
      await page.locator(`[data-id="${before.id}"]`).waitFor();
      expect({ id: await row.getAttribute("data-id"), place: await row.boundingBox() }).toEqual(before);
      expect(await filter.inputValue()).toBe("127.0.0.1");
      expect(await page.getByLabel("State", { exact: true }).inputValue()).toBe("WAIT_FOR_DATA");
      expect(await page.locator("[aria-sort=descending]").textContent()).toBe("who ↓");
    };
    await row.click();
    await page.locator(".process").waitFor();
    await page.goBack();
    await isAsBefore();
    await page.reload();
    await isAsBefore();
    // What was typed was no way to go back: there is only the blank page before.
    await page.goBack();
    expect(page.url()).toBe("about:blank");
  });

  test("a log that was scrolled stands where it stood for whoever comes back", async () => {
    const world = await start(0);
    const one = defineSupervisor({
      strategy: "oneForOne",
      intensity: 1000,
      children: [{ id: "one", start: child(keeper, "first", { name: "one" }) }],
    });
    world.system.spawn(one, undefined);
    for (let count = 0; count < 40; count += 1) {
      await world.system.idle();
      const pid = world.system.whereis("one");
      if (pid) world.system.kill(pid);
    }
    const page = await open(world, "log?kind=restart");
    await page.locator(".entries li").nth(39).waitFor();
    const view = page.locator("#view");
    await scrollTo(view, 1000);
    await page.locator(".entries a").nth(20).click();
    await page.locator(".process").waitFor();
    expect(await view.evaluate(({ scrollTop }) => scrollTop)).toBe(0);
    await page.goBack();
    await page.locator(".entries li").nth(39).waitFor();
    expect(await view.evaluate(({ scrollTop }) => scrollTop)).toBe(1000);
    await page.locator("[aria-pressed=true]", { hasText: "restart" }).waitFor();
  });

  test("an actor that is named by its path is whoever stands there now", async () => {
    const world = await start(0);
    const pair = defineSupervisor({ strategy: "oneForOne", children: [{ id: "one", start: child(keeper, "first") }] });
    world.system.spawn(pair, undefined);
    await world.system.idle();
    const one = () => world.system.inspect().processes.find(({ id }) => id === "one");
    const first = one();
    const page = await open(world, `process/${encodeURIComponent(first?.path ?? "")}`);
    await page.locator(".facts dd", { hasText: String(first?.pid) }).waitFor();
    if (first) world.system.kill(first.pid);
    await world.system.idle();
    await page.locator(".facts dd", { hasText: String(one()?.pid) }).waitFor();
    expect(one()?.pid).not.toEqual(first?.pid);
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

  test("of messages that are too many to be shown, it says how many there were", async () => {
    const world = await start(0);
    const busy = world.system.spawn(keeper, "first", { id: "busy" });
    const page = await open(world, "process/busy");
    await page.getByRole("button", { name: "Trace" }).click();
    await giveToken(page);
    await page.locator(".chip.traced").waitFor();
    for (let count = 0; count < 5000; count += 1) world.system.send(busy, { type: "keep", text: "" });
    const rows = page.locator(".trace li");
    await rows.first().waitFor();
    const counted = async (): Promise<number> => {
      const texts = await rows.allTextContents();
      return texts.reduce((sum, text) => sum + 1 + Number(/after (\d+) more/u.exec(text)?.[1] ?? 0), 0);
    };
    while ((await counted()) < 5000) await rows.first().waitFor();
    expect([await counted(), await rows.count()]).toEqual([5000, 200]);
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

  test("it takes another run of the program for another, however long that has lived", async () => {
    const later = await start(0);
    const world = await start(0);
    await crash(world, "before", 5);
    await crash(later, "after", 2);
    const page = await open(world, "log");
    const entries = page.locator(".entries li");
    await entries.filter({ hasText: "before" }).nth(4).waitFor();
    const { port } = world.listening;
    await world.listening.close();
    await later.listening.close();
    later.listening = await later.inspector.listen({ port });
    await entries.filter({ hasText: "after" }).nth(1).waitFor();
    expect(await entries.filter({ hasText: "before" }).count()).toBe(0);
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
    const ownTime = await startStopwatch(page);
    const before = await ownTime();
    const mostNodes = await page.evaluate(`new Promise((resolve) => {
      const rows = document.querySelector(".rows");
      let frames = 0;
      let most = 0;
      const next = () => {
        frames += 1;
        rows.scrollTop += 2000;
        most = Math.max(most, document.querySelectorAll("*").length);
        if (frames < ${FRAMES} && most < ${MOST_DOM_NODES}) requestAnimationFrame(next);
        else resolve(most);
      };
      requestAnimationFrame(next);
    })`);
    expect(mostNodes).toBeLessThan(MOST_DOM_NODES);
    const frameMs = ((await ownTime()) - before) / FRAMES;
    // Something was measured, and it is little.
    expect(frameMs).toBeGreaterThan(0.1);
    expect(frameMs).toBeLessThan(MOST_FRAME_MS);
    await page.locator(".rows").press("End");
    await page.locator(`.row[aria-rowindex="${count}"][data-id]`).waitFor();
    await page.locator("input[type=search]").fill("no such client");
    await page.locator('.count[data-matching="0"]').waitFor();
  });
});
