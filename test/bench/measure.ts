/** The middle value: what is quoted of several rounds, since single ones are at the mercy of the machine. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** CPU microseconds of this process so far, garbage collection and compilation included. */
export function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** CPU nanoseconds of one operation: the median of several rounds after a warm-up. */
export async function nanosPerOperation(count: number, run: (count: number) => void | Promise<void>): Promise<number> {
  const rounds: number[] = [];
  for (let round = 0; round < 7; round += 1) {
    const before = cpuMicros();
    await run(count);
    // The first rounds are compiled while they run.
    if (round >= 2) rounds.push(((cpuMicros() - before) * 1000) / count);
  }
  return median(rounds);
}

/** Bytes of heap that `make` leaves behind for each of `count` things; needs `--expose-gc`. */
export async function bytesPerThing(count: number, make: (count: number) => Promise<unknown>): Promise<number> {
  const collect = globalThis.gc;
  if (collect === undefined) throw new Error("run with --expose-gc");
  collect();
  const before = process.memoryUsage().heapUsed;
  const kept = await make(count);
  collect();
  const bytes = (process.memoryUsage().heapUsed - before) / count;
  // Named after the second collection, so that it is still alive then.
  if (kept === undefined) throw new Error("nothing was made");
  return bytes;
}

/** A table with aligned columns; the first is text, the others are numbers. */
export function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("   ")
      .trimEnd();
  return [line(head), line(widths.map((width) => "─".repeat(width))), ...rows.map(line)].join("\n");
}
