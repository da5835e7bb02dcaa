import type { AutoShutdown } from "./flags.ts";

/**
 * Whether a supervisor ends because a significant child has ended by itself and is not restarted.
 *
 * @param isLast - no other significant child is left
 */
export function shouldShutDown(autoShutdown: AutoShutdown, isLast: boolean): boolean {
  switch (autoShutdown) {
    case "never":
      return false;
    case "anySignificant":
      return true;
    case "allSignificant":
      return isLast;
  }
}
