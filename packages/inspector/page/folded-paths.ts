import { signal } from "@preact/signals";

const KEY = "espalier.folded";

/** The actors of the tree whose children are folded away, by their paths: in this tab, until it is closed. */
export const foldedPaths = signal<ReadonlySet<string>>(read());

export function fold(path: string, isFolded: boolean): void {
  const next = new Set(foldedPaths.peek());
  if (isFolded) next.add(path);
  else next.delete(path);
  foldedPaths.value = next;
  sessionStorage.setItem(KEY, JSON.stringify([...next]));
}

function read(): ReadonlySet<string> {
  return new Set(JSON.parse(sessionStorage.getItem(KEY) ?? "[]") as string[]);
}
