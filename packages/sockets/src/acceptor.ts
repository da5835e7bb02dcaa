import type { Behaviour, Definition, Process, Progress } from "@espalier/actors";
import { acceptorMachine } from "./acceptor-machine.ts";
import { StartConnection } from "./connection-supervisor.ts";
import type { ListenerRecord } from "./listener-record.ts";
import { askForConnection } from "./listening-socket.ts";
import { Refusals } from "./refusals.ts";

/** eSockd's pause after the descriptors were used up. */
const COOLDOWN_MS = 1000;

const machine = acceptorMachine.behaviour;

/** The actor around the acceptor's machine: it gives the machine hands. */
class AcceptorBehaviour implements Behaviour<ListenerRecord> {
  readonly kind = machine.kind;

  start(process: Process, record: ListenerRecord): Progress {
    const refusals = new Refusals(process, record);
    return machine.start(process, {
      cooldownMs: COOLDOWN_MS,
      actions: {
        accept: () => askForConnection(record, process.pid),
        handOff: (connection) => {
          const supervisor = record.connectionSupervisor;
          // If it is dead, its restart takes this actor along.
          if (supervisor === undefined) return;
          // It has the socket when it comes to read this. Should this actor die in between, the socket dies with it.
          process.send<StartConnection>(supervisor, new StartConnection(connection, process.pid));
          process.give(connection, supervisor);
        },
        refuse: (connection) => {
          refusals.add(connection.peername, "closedSysLimit");
          process.disown(connection);
          connection.abort();
        },
      },
    });
  }

  receive(process: Process, message: unknown): Progress {
    return machine.receive(process, message);
  }

  describe(process: Process): unknown {
    return machine.describe?.(process);
  }

  summary(process: Process): string | undefined {
    return machine.summary?.(process);
  }
}

export const acceptor: Definition<ListenerRecord> = { name: "acceptor", behaviour: new AcceptorBehaviour() };
