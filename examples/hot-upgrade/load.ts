import { connect } from "node:net";
import { createInterface } from "node:readline";

/** How many lines each client sends, and how many of those may be unanswered. */
const LINES = 2000;
const WINDOW = 10;

/** What clients have seen. */
export interface Seen {
  sent: number;
  byVersion1: number;
  byVersion2: number;
  lost: number;
  outOfOrder: number;
}

/** Sends numbered lines, and looks at every byte of the answers. A line that is answered makes room for the next. */
async function runClient(port: number, name: string, seen: Seen, onHalf: () => void): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  let sent = 0;
  function send(): void {
    sent += 1;
    seen.sent += 1;
    socket.write(`line ${sent}\n`);
  }
  socket.write(`${name}\n`);
  while (sent < WINDOW) send();

  let answered = 0;
  let counted = 0;
  for await (const answer of createInterface({ input: socket })) {
    answered += 1;
    if (answer === `v2 #${counted + 1} line ${answered}`) {
      counted += 1;
      seen.byVersion2 += 1;
    } else if (answer === `v1 line ${answered}` && counted === 0) {
      // Nobody goes back to version 1.
      seen.byVersion1 += 1;
    } else {
      seen.outOfOrder += 1;
    }
    if (sent < LINES) send();
    if (answered === LINES / 2) onHalf();
    if (answered === LINES) socket.end();
  }
  seen.lost += sent - answered;
  // One that was cut off is not waited for.
  onHalf();
}

/** Clients at work. */
export interface Load {
  /** One of them has had half of its answers, or was cut off. */
  readonly halfway: Promise<void>;
  /** All of them are through. */
  readonly finished: Promise<Seen>;
}

export function startLoad(port: number, names: readonly string[]): Load {
  const seen: Seen = { sent: 0, byVersion1: 0, byVersion2: 0, lost: 0, outOfOrder: 0 };
  const clients: Array<Promise<void>> = [];
  const halfway = new Promise<void>((resolve) => {
    clients.push(...names.map((name) => runClient(port, name, seen, resolve)));
  });
  return { halfway, finished: Promise.all(clients).then(() => seen) };
}
