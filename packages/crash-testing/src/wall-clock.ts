// The one file of this package that knows the real event loop and its time: how long to search is no question of a run.

/** Milliseconds of real time since some moment. */
export function elapsed(): number {
  return performance.now();
}

/**
 * Resolves when all promise reactions that are queued, and those that they queue, have run: a tick that is asked for by one
 * of them comes when there are no more. The event loop does not turn for that, which would take a hundred times as long.
 */
export function turn(): Promise<void> {
  return settled.then(ticked);
}

const settled: Promise<void> = Promise.resolve();

function ticked(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}

/** For so long the rest of the program can wait. */
const LONGEST_BREATH_MS = 20;

let lastBreath = 0;

/**
 * Lets the event loop turn if it has not for a while: others have timers and signals to see to, and rejections that nobody
 * handles have to come to light. To be called between runs.
 */
export async function breathe(): Promise<void> {
  const now = elapsed();
  if (now - lastBreath < LONGEST_BREATH_MS) return;
  await new Promise((resolve) => void setImmediate(resolve));
  lastBreath = elapsed();
}

/** Another seed each time. */
export function freshSeed(): number {
  return Date.now() % 1_000_000_000;
}
