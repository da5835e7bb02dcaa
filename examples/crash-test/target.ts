import type { Target } from "@espalier/crash-testing";
import type { Listener } from "@espalier/sockets";
import { guest, startSeats } from "./seats.ts";

export interface SeatsKnobs {
  readonly seats: number;
}

/** The server as crash tests start it: once for each run, in a world of its own. */
export function seatsTarget({ watches }: { readonly watches: boolean }): Target<Listener, SeatsKnobs, typeof guest> {
  return {
    machine: guest,
    start: ({ system, transport, machine, knobs: { seats } }) =>
      startSeats({ system, transport, machine }, { seats, watches }),
    // With a hundred seats it would take a hundred crashes until somebody notices.
    knobs: { seats: [100, 1] },
    // When all is well again, a new client gets a seat.
    probe: { ops: [], receives: "seated\n" },
  };
}
