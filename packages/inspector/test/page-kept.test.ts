import { child, defineSupervisor } from "@espalier/supervisor";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { missing, startBrowser } from "./support/browser.ts";
import { OwnPage } from "./support/own-page.ts";
import { PageWorld } from "./support/page-world.ts";
import { giveToken, scrollTo } from "./support/visitor.ts";
import { keeper, pair } from "./support/world.ts";

const MANY = 60;

/** Too many children for a screen. */
const forest = defineSupervisor({
  strategy: "oneForOne",
  children: Array.from({ length: MANY }, (_, index) => ({ id: `child-${index}`, start: child(keeper, "first") })),
});

function scrollOf(locator: Locator): Promise<number> {
  return locator.evaluate(({ scrollTop }) => scrollTop);
}

describe.skipIf(missing !== "")(`in a real browser${missing && ` (skipped: ${missing})`}`, { timeout: 60_000 }, () => {
  let browser: Browser;
  let ownPage: OwnPage;
  const ends: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    [browser, ownPage] = await Promise.all([startBrowser(), OwnPage.build()]);
  }, 60_000);

  afterAll(() => Promise.all([browser?.close(), ownPage?.remove()]));

  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end();
  });

  async function start(): Promise<PageWorld> {
    const world = await PageWorld.start(0, { show: { errors: true, states: true } });
    ends.push(() => world.stop());
    return world;
  }

  /** Opens a window that is too low for what is in it. */
  async function open(world: PageWorld, path: string): Promise<Page> {
    const server = await ownPage.serve(world);
    const page = await browser.newPage({ viewport: { width: 1280, height: 420 } });
    ends.push(() => Promise.all([page.close(), server.close()]));
    await page.goto(`http://127.0.0.1:${server.port}/#/${path}`);
    await page.locator(".link.live").waitFor();
    return page;
  }

  test("whoever removes one rule after the other with the keyboard stands at the next, and at last at a new one", async () => {
    const world = await start();
    const accessRules = [{ deny: "10.0.0.0/8" }, { deny: "11.0.0.0/8" }, { allow: "all" }] as const;
    await world.listener.setOptions({ accessRules });
    const page = await open(world, "listeners");
    const focused = (name: string): Promise<void> =>
      page.locator(`button:focus[aria-label="Remove ${name}"]`).waitFor();
    await page.getByRole("button", { name: "Remove deny 11.0.0.0/8" }).focus();
    await page.keyboard.press("Enter");
    await giveToken(page);
    await focused("allow all");
    await page.keyboard.press("Enter");
    // It was the last one: what is left stands before it.
    await focused("deny 10.0.0.0/8");
    expect(world.listener.accessRules).toEqual([{ deny: "10.0.0.0/8" }]);
    await page.keyboard.press("Enter");
    await page.getByText("there is no rule").waitFor();
    await page.keyboard.type("all");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Remove deny all" }).waitFor();
    expect(world.listener.accessRules).toEqual([{ deny: "all" }]);
  });

  test("an actor that is loaded again, or come back to, is seen where it was scrolled, with what was unfolded", async () => {
    const world = await start();
    world.system.spawn(pair, undefined);
    await world.system.idle();
    const one = () => world.system.inspect().processes.find(({ name }) => name === "one");
    const send = async (type: string): Promise<void> => {
      const actor = one();
      if (actor) world.system.send(actor.pid, { type, text: "a bad day" });
      await world.system.idle();
    };
    await send("crash");
    for (let left = MANY; left > 0; left -= 1) await send("note");
    const page = await open(world, `process/${encodeURIComponent(one()?.path ?? "")}`);
    const [view, state, reason] = [page.locator("#view"), page.locator(".whole pre"), page.locator("details")];
    await reason.locator("summary").click();
    await scrollTo(state, 100);
    await scrollTo(view, 150);
    const isAsBefore = async (): Promise<void> => {
      await state.waitFor();
      await reason.locator("pre").waitFor();
      expect([await scrollOf(view), await scrollOf(state)]).toEqual([150, 100]);
    };
    await page.reload();
    await isAsBefore();
    await page.getByRole("link", { name: "log" }).click();
    await page.locator(".entries").waitFor();
    expect(await scrollOf(view)).toBe(0);
    await page.goBack();
    await isAsBefore();
  });

  test("a tree that is loaded again is folded and scrolled as it was, whoever is chosen in it", async () => {
    const world = await start();
    world.system.spawn(pair, undefined, { id: "pair" });
    world.system.spawn(forest, undefined, { id: "forest" });
    const page = await open(world, "tree");
    const node = (path: string): Locator => page.locator(`[role=treeitem][data-path="${path}"]`);
    await node("pair").getByTitle("Fold", { exact: true }).click();
    await node("pair/one").waitFor({ state: "detached" });
    await node("forest/child-2").click();
    await scrollTo(page.locator(".forest-frame"), 1000);
    const chosen = page.locator("[aria-selected=true]");
    const before = await chosen.boundingBox();
    await page.reload();
    await chosen.waitFor();
    expect(await chosen.boundingBox()).toEqual(before);
    expect(await chosen.getAttribute("data-path")).toBe("forest/child-2");
    expect([await node("pair").getAttribute("aria-expanded"), await node("pair/one").count()]).toEqual(["false", 0]);
    // Whoever chooses another one there, and loads it again, is still there.
    const other = node(`forest/child-${MANY / 2}`);
    await other.evaluate((element) => {
      return new Promise((resolve) => {
        element.closest(".forest-frame")?.addEventListener("scrollend", resolve, { once: true });
        element.scrollIntoView({ block: "center" });
      });
    });
    await other.click();
    const place = await chosen.boundingBox();
    await page.reload();
    await chosen.waitFor();
    expect(await chosen.boundingBox()).toEqual(place);
  });
});
