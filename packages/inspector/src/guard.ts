import type { InspectorConfig } from "./options.ts";
import { hostnameOf } from "./options.ts";
import { Refusal } from "./refusal.ts";

const LONGEST_URL = 4096;

/**
 * What every answer says to a browser: it runs nothing, is shown in no frame, guessed to be nothing else, kept nowhere. A
 * page has a policy of its own.
 */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
  "cross-origin-resource-policy": "same-origin",
  // A site that has opened the page keeps no hold of its window.
  "cross-origin-opener-policy": "same-origin",
};

/**
 * Refuses requests that come under a name which is not the inspector's (a page that has led its own name to this machine),
 * or from a page of another site.
 *
 * @throws Refusal
 */
export function checkSource(request: Request, config: InspectorConfig): void {
  if (request.url.length > LONGEST_URL) throw new Refusal("tooLarge", "the URL is too long");
  const { host: urlHost } = new URL(request.url);
  // A server of the user's may have made the URL of something else than the header.
  const hosts = [urlHost, request.headers.get("host") ?? urlHost];
  for (const host of hosts) {
    const name = hostnameOf(host);
    if (name === undefined || !config.allowedHosts.has(name)) {
      throw new Refusal("hostRefused", "this inspector is not reached under this name; see allowedHosts");
    }
  }
  const origin = request.headers.get("origin");
  if (origin !== null && config.allowedOrigins.has(origin)) return;
  if (origin !== null && !isOwn(origin, hosts)) throw new Refusal("originRefused", "this page may not ask");
  // Only browsers send it, also with requests that have no origin; `same-site` is another port of the same host.
  const site = request.headers.get("sec-fetch-site");
  if (site !== null && site !== "same-origin" && site !== "none" && !isVisit(request)) {
    throw new Refusal("originRefused", "a page of another site may not ask");
  }
}

/**
 * Somebody has followed a link of another site to the page, which is the one address that ends in a slash: the browser shows
 * it in a tab of its own, and that site sees nothing of it. Whatever the API answers is not visited.
 */
function isVisit({ method, headers, url }: Request): boolean {
  return (
    method === "GET" &&
    headers.get("sec-fetch-mode") === "navigate" &&
    headers.get("sec-fetch-dest") === "document" &&
    new URL(url).pathname.endsWith("/")
  );
}

/** The origin to name in the answer, if it is another site's that may ask. */
export function foreignOrigin(request: Request, { allowedOrigins }: InspectorConfig): string | undefined {
  const origin = request.headers.get("origin");
  return origin !== null && allowedOrigins.has(origin) ? origin : undefined;
}

function isOwn(origin: string, hosts: readonly string[]): boolean {
  if (!URL.canParse(origin)) return false;
  const { protocol, host } = new URL(origin);
  return (protocol === "http:" || protocol === "https:") && hosts.includes(host);
}

/** @throws Refusal unless the request carries the token */
export function checkToken(request: Request, { token }: InspectorConfig): void {
  if (token === undefined) throw new Refusal("commandsOff", "this inspector was given no token, and takes no commands");
  const [, given] = /^Bearer +([\x21-\x7e]+)$/iu.exec(request.headers.get("authorization") ?? "") ?? [];
  if (given === undefined || !isSame(given, token)) throw new Refusal("unauthorized", "the token is missing or wrong");
}

/** Takes as long for a wrong first character as for a wrong last one. */
function isSame(given: string, token: string): boolean {
  let difference = given.length ^ token.length;
  for (let index = 0; index < token.length; index += 1) {
    difference |= token.charCodeAt(index) ^ given.charCodeAt(index % given.length);
  }
  return difference === 0;
}
