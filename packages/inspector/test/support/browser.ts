import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

/** Where Debian has it. */
const EXECUTABLE = "/usr/bin/chromium";

/** Why there is no real browser to try, in the title of what is skipped; empty when there is one. */
export const missing: string = existsSync(EXECUTABLE) ? "" : "chromium is not installed";
// A machine that is to show that everything works has to have all that it takes.
if (missing !== "" && process.env["CI"] !== undefined) throw new Error(missing);

/** Starts one with a profile of its own, which keeps to itself what it would ask the internet. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: EXECUTABLE,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
