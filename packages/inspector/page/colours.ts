/** So many colours stand in the style sheet, as `--c0` and so on. */
const COLOURS = 8;
const GIVEN = new Map<string, number>();

/** The number of a state's colour: states get theirs in the order in which they are met, and keep it. */
export function colourOf(state: string): string {
  if (state === "other") return "var(--c-other)";
  let number = GIVEN.get(state);
  if (number === undefined) {
    number = GIVEN.size;
    GIVEN.set(state, number);
  }
  return number < COLOURS ? `var(--c${number})` : "var(--c-other)";
}

/** What a variable of the style sheet stands for now, for a canvas. */
export function resolveColour(variable: string): string {
  const probe = document.createElement("i");
  probe.style.color = variable;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** Counts up when the colours change, so that what is drawn on a canvas is drawn anew. */
export function onThemeChange(redraw: () => void): () => void {
  const media = matchMedia("(prefers-color-scheme: dark)");
  const observer = new MutationObserver(redraw);
  media.addEventListener("change", redraw);
  observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  return () => {
    media.removeEventListener("change", redraw);
    observer.disconnect();
  };
}
