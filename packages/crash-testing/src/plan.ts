import type { Deviation } from "./deviation.ts";
import type { PeerScript } from "./peer-script.ts";

/** Something that is done to the server from outside, by the name that the target gives it. */
export interface Operation {
  readonly at: number;
  readonly name: string;
}

/** What is done in a run, and what is out of the ordinary in it. A run is a function of its plan. */
export interface Plan {
  readonly peers: readonly PeerScript[];
  readonly operations: readonly Operation[];
  readonly deviations: readonly Deviation[];
}
