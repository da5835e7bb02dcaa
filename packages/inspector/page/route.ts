import { signal } from "@preact/signals";

export const VIEWS = ["tree", "connections", "listeners", "charts", "log"] as const;
type View = (typeof VIEWS)[number];

/** What the address says behind `#/`: a view, what it is about, and behind `?` how that is looked at. */
export interface Route {
  readonly view: View | "process";
  readonly about: string;
  readonly manner: Readonly<Record<string, string>>;
}

export const route = signal(readRoute());

addEventListener("hashchange", () => {
  route.value = readRoute();
});

function readRoute(): Route {
  const [, name = "", about = "", manner = ""] = /^#\/(\w*)\/?([^?]*)\??(.*)$/u.exec(location.hash) ?? [];
  const view = name === "process" ? name : (VIEWS.find((known) => known === name) ?? "tree");
  return { view, about: decode(about), manner: Object.fromEntries(new URLSearchParams(manner)) };
}

/** The address is whatever somebody has typed. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

export function addressOf(view: Route["view"], about = "", manner: Route["manner"] = {}): string {
  const search = Object.keys(manner).length === 0 ? "" : `?${new URLSearchParams(manner)}`;
  return `#/${view}${about === "" ? "" : `/${encodeURIComponent(about)}`}${search}`;
}

export function go(view: Route["view"], about = ""): void {
  location.hash = addressOf(view, about);
}

/** The same for small steps, of which the way back shall not consist. */
export function step(view: Route["view"], about = ""): void {
  location.replace(addressOf(view, about));
}

/** Looks at the same in another manner: who reloads or comes back finds it so, and the way back does not get longer. */
export function look(change: Route["manner"]): void {
  const { view, about, manner } = route.peek();
  const given = Object.fromEntries(Object.entries({ ...manner, ...change }).filter(([, value]) => value !== ""));
  route.value = { view, about, manner: given };
  history.replaceState(history.state, "", addressOf(view, about, given));
}
