import type { RefObject } from "preact";
import { useLayoutEffect } from "preact/hooks";

/** How far something is scrolled, in the entry of the history in which that was. */
type Kept = Readonly<Record<string, number>> | null;

/**
 * Scrolls an element to where it was when this place of the history was left, and to its top at a new one. `place` is the
 * same as long as one stays; it is undefined until that is there which is scrolled.
 */
export function useKeptScroll(element: RefObject<HTMLElement | null>, name: string, place: string | undefined): void {
  useLayoutEffect(() => {
    const { current } = element;
    if (current === null || place === undefined) return undefined;
    const kept = history.state as Kept;
    current.scrollTop = kept?.[name] ?? 0;
    const keep = (): void => {
      history.replaceState({ ...(history.state as Kept), [name]: current.scrollTop }, "");
    };
    // What is scrolled with the window tells the document.
    const teller = current === document.documentElement ? document : current;
    teller.addEventListener("scrollend", keep);
    return () => teller.removeEventListener("scrollend", keep);
  }, [element, name, place]);
}
