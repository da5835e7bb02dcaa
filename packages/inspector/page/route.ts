import { signal } from "@preact/signals";

export const VIEWS = ["tree", "connections", "listeners", "charts", "log"] as const;
type View = (typeof VIEWS)[number];

/** What the address says behind `#/`: a view, and what it is about. */
export interface Route {
  readonly view: View | "process";
  readonly about: string;
}

export const route = signal(readRoute());

addEventListener("hashchange", () => {
  const { view } = route.value;
  route.value = readRoute();
  // Within a view one stays where one is.
  if (route.value.view !== view) scrollTo(0, 0);
});

function readRoute(): Route {
  const [, name = "", about = ""] = /^#\/(\w*)\/?(.*)$/u.exec(location.hash) ?? [];
  const view = name === "process" ? name : (VIEWS.find((known) => known === name) ?? "tree");
  return { view, about: decode(about) };
}

/** The address is whatever somebody has typed. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

export function addressOf(view: Route["view"], about = ""): string {
  return `#/${view}${about === "" ? "" : `/${encodeURIComponent(about)}`}`;
}

export function go(view: Route["view"], about = ""): void {
  location.hash = addressOf(view, about);
}
