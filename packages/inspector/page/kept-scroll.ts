import type { RefObject } from "preact";
import { useLayoutEffect } from "preact/hooks";
import { keep, kept } from "./kept.ts";
import { route } from "./route.ts";

/** How far something is scrolled. */
interface Offset {
  readonly left: number;
  readonly top: number;
}

const START: Offset = { left: 0, top: 0 };

/**
 * Scrolls an element to where it was when this place of the history was left, and to its start at a new one. `place` is the
 * same as long as one stays; it is undefined until that is there which is scrolled.
 */
export function useKeptScroll(element: RefObject<HTMLElement | null>, name: string, place: string | undefined): void {
  useLayoutEffect(() => {
    const { current } = element;
    if (current === null || place === undefined) return undefined;
    const { left, top } = (kept(name) as Offset | undefined) ?? START;
    current.scrollLeft = left;
    current.scrollTop = top;
    const save = (): void => keepScroll(current, name);
    // What is scrolled with the window tells the document.
    const teller = current === document.documentElement ? document : current;
    teller.addEventListener("scrollend", save);
    return () => teller.removeEventListener("scrollend", save);
  }, [element, name, place]);
  // Another entry of the history that shows the same place: one stays where one is, also if it is loaded again.
  useLayoutEffect(() => {
    if (element.current !== null && place !== undefined) keepScroll(element.current, name);
  }, [route.value]);
}

const content: RefObject<HTMLElement | null> = {
  get current() {
    return document.querySelector<HTMLElement>("#view");
  },
};
const all: RefObject<HTMLElement | null> = { current: document.documentElement };

/** The same for what every view is scrolled in: on a phone that is the window, and elsewhere what is below the head. */
export function useKeptView(place: string | undefined): void {
  useKeptScroll(content, "content", place);
  useKeptScroll(all, "all", place);
}

function keepScroll({ scrollLeft: left, scrollTop: top }: HTMLElement, name: string): void {
  keep(name, { left, top } satisfies Offset);
}
