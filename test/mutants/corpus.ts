import { clientMutants } from "./corpus/clients.ts";
import { connectionMutants } from "./corpus/connections.ts";
import { heldOutMutants } from "./corpus/held-out.ts";
import { heldOutAgain } from "./corpus/held-out-again.ts";
import { kernelMutants } from "./corpus/kernel.ts";
import { listenerMutants } from "./corpus/listeners.ts";
import { supervisionMutants } from "./corpus/supervision.ts";
import type { Mutant } from "./mutant.ts";

/** All mutants that were written by hand. */
export const corpus: readonly Mutant[] = [
  ...kernelMutants,
  ...supervisionMutants,
  ...listenerMutants,
  ...connectionMutants,
  ...clientMutants,
  ...heldOutMutants,
  ...heldOutAgain,
];
