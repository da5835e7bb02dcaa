import type { ListenersAnswer } from "../api-types.ts";
import { type Line, span } from "./line.ts";

/** One line a listener: its id, which is what commands take, how it is, where it listens, and whom it serves. */
export function listenersText({ listeners }: ListenersAnswer): readonly Line[] {
  return listeners.map(
    ({ id, status, isAsleep, transport, address, connections, maxClients, waiting, accessRules }) => {
      const most = maxClients === "infinity" ? "" : ` of ${maxClients}`;
      return [
        span(id, "bold"),
        span(` ${isAsleep && status === "running" ? "asleep" : status}, ${transport} ${address}`),
        span(`, ${connections}${most} connections, ${waiting} waiting; ${accessRules.join(", ")}`),
      ];
    },
  );
}
