import type { Locator, Page } from "playwright-core";
import { TOKEN } from "./page-world.ts";

/** Answers the question for the token. */
export async function giveToken(page: Page): Promise<void> {
  await page.locator("dialog input").fill(TOKEN);
  await page.getByRole("button", { name: "Use it" }).click();
}

/** Tells how many milliseconds of the processor the page has had so far: the same, whatever else the machine is busy with. */
export async function startStopwatch(page: Page): Promise<() => Promise<number>> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  return async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    const { value = Number.NaN } = metrics.find(({ name }) => name === "TaskDuration") ?? {};
    return 1000 * value;
  };
}

/** Scrolls down to there. The page has noticed it by then. */
export async function scrollTo(locator: Locator, top: number): Promise<void> {
  await locator.evaluate((element, scrollTop) => {
    return new Promise((resolve) => {
      element.addEventListener("scrollend", resolve, { once: true });
      element.scrollTop = scrollTop;
    });
  }, top);
}

/** Waits for a figure at the top of the page. */
export async function seeFigure(page: Page, name: string, value: string): Promise<void> {
  await page.locator(`[data-figure="${name}"]`, { hasText: new RegExp(`^${value}$`, "u") }).waitFor();
}
