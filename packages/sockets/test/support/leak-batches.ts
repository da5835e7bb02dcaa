import { readdirSync } from "node:fs";
import type { System } from "@espalier/actors";

const AT_ONCE = 100;

/** What a program that is looked at for leaks does. */
export interface Batches {
  readonly system: System;
  /** One after the other of these, again and again; each is done when nothing of it is left but what has to end by itself. */
  readonly visits: ReadonlyArray<() => Promise<void>>;
  /** When nobody is there any more. */
  readonly isQuiet: () => Promise<unknown>;
  /** What `process.getActiveResourcesInfo` calls the sockets that the system may still close. Absent: there are no such. */
  readonly handles?: string;
}

/**
 * Makes as many visits as its arguments say, a limited number at a time, and looks what is left of them: a line of JSON after
 * each batch. To be run with --expose-gc and: a kind, how many batches, how many visits in each.
 */
export async function runBatches({ system, visits, isQuiet, handles }: Batches): Promise<void> {
  const [, batches = "0", size = "0"] = process.argv.slice(2);
  const { gc } = globalThis;
  if (gc === undefined) throw new Error("run with --expose-gc");
  for (let batch = 0; batch < Number(batches); batch += 1) {
    await visitAll(visits, Number(size));
    await isQuiet();
    await system.idle();
    while (openHandles(handles) > 0) await turn();
    for (let round = 0; round < 3; round += 1) {
      await turn();
      gc();
    }
    const { heapUsed, external } = process.memoryUsage();
    const processes = system.inspect().processes.length;
    const descriptors = readdirSync("/proc/self/fd").length;
    process.stdout.write(`${JSON.stringify({ heapUsed, external, descriptors, processes })}\n`);
  }
}

async function visitAll(visits: ReadonlyArray<() => Promise<void>>, count: number): Promise<void> {
  let next = 0;
  const oneByOne = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await visits[next % visits.length]?.();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, oneByOne));
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function openHandles(kind: string | undefined): number {
  return process.getActiveResourcesInfo().filter((name) => name === kind).length;
}
