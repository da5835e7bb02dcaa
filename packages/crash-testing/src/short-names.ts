/**
 * Actors by the last parts of their paths, as many as tell them apart: `connection_sup/1` instead of
 * `sockets/listener_sup:echo:5000/connection_sup/1`. A number alone says nothing, so that what holds it is always there.
 */
export class ShortNames {
  readonly #names = new Set<string>();
  #short: ReadonlyMap<string, string> | undefined;

  /** @param name - a path, with `~2` behind it for a second incarnation */
  add(name: string): void {
    if (this.#names.has(name)) return;
    this.#names.add(name);
    this.#short = undefined;
  }

  of(name: string): string {
    return this.#all.get(name) ?? name;
  }

  /** The same text, with each actor in it by its short name. */
  in(text: string): string {
    // A path may begin with that of another one.
    const known = [...this.#all].toSorted(([one], [other]) => other.length - one.length);
    return known.reduce((result, [name, short]) => result.replaceAll(name, () => short), text);
  }

  get #all(): ReadonlyMap<string, string> {
    this.#short ??= shortened([...this.#names]);
    return this.#short;
  }
}

function shortened(names: readonly string[]): ReadonlyMap<string, string> {
  const holders = new Map<string, Set<string>>();
  for (const name of names) {
    for (const ending of endingsOf(name)) {
      const known = holders.get(ending);
      if (known === undefined) holders.set(ending, new Set([pathOf(name)]));
      else known.add(pathOf(name));
    }
  }
  return new Map(
    names.map((name) => {
      const short = endingsOf(name).find((ending) => holders.get(ending)?.size === 1 && !/^\d/.test(ending));
      const incarnation = name.slice(pathOf(name).length);
      return [name, `${short ?? pathOf(name)}${incarnation}`];
    }),
  );
}

/** Without its incarnation. */
function pathOf(name: string): string {
  return name.replace(/~\d+$/, "");
}

/** The shortest first. */
function endingsOf(name: string): string[] {
  const parts = pathOf(name).split("/");
  return parts.map((_, index) => parts.slice(parts.length - 1 - index).join("/"));
}
