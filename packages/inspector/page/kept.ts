/** How something is looked at, in the entry of the history in which that is: who reloads or comes back finds it so. */
type Kept = Readonly<Record<string, unknown>> | null;

/** Undefined in an entry of the history in which nothing was kept under this name. What is there, this page has put there. */
export function kept(name: string): unknown {
  return (history.state as Kept)?.[name];
}

export function keep(name: string, value: unknown): void {
  history.replaceState({ ...(history.state as Kept), [name]: value }, "");
}
