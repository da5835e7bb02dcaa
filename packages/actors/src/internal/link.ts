import type { ActorProcess } from "./process.ts";

/**
 * One link. It stands in the lists of both its ends at once, so that the common actor, whose only link is to its
 * supervisor, needs no collection of its own, and a supervisor with 100,000 links removes any of them in O(1).
 */
export class Link {
  readonly a: ActorProcess;
  readonly b: ActorProcess;
  nextOfA: Link | null = null;
  nextOfB: Link | null = null;
  previousOfA: Link | null = null;
  previousOfB: Link | null = null;

  constructor(a: ActorProcess, b: ActorProcess) {
    this.a = a;
    this.b = b;
    this.nextOfA = insertBefore(a.links, a, this);
    this.nextOfB = insertBefore(b.links, b, this);
    a.links = this;
    b.links = this;
  }

  /** The actor at the other end. */
  other(process: ActorProcess): ActorProcess {
    return process === this.a ? this.b : this.a;
  }

  /** The next link of this end. */
  next(process: ActorProcess): Link | null {
    return process === this.a ? this.nextOfA : this.nextOfB;
  }

  remove(): void {
    close(this.a, this.previousOfA, this.nextOfA);
    close(this.b, this.previousOfB, this.nextOfB);
  }
}

/** Closes the gap between two neighbours in the list of an actor. */
function close(process: ActorProcess, previous: Link | null, next: Link | null): void {
  if (previous === null) process.links = next;
  else if (previous.a === process) previous.nextOfA = next;
  else previous.nextOfB = next;
  if (next === null) return;
  if (next.a === process) next.previousOfA = previous;
  else next.previousOfB = previous;
}

function insertBefore(first: Link | null, process: ActorProcess, link: Link): Link | null {
  if (first === null) return null;
  if (first.a === process) first.previousOfA = link;
  else first.previousOfB = link;
  return first;
}

/** Walks both lists side by side, so that the cost is that of the shorter one. */
export function findLink(a: ActorProcess, b: ActorProcess): Link | null {
  let ofA = a.links;
  let ofB = b.links;
  while (ofA !== null && ofB !== null) {
    if (ofA.other(a) === b) return ofA;
    if (ofB.other(b) === a) return ofB;
    ofA = ofA.next(a);
    ofB = ofB.next(b);
  }
  return null;
}
