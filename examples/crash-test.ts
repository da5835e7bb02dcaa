import { findCrash } from "@espalier/crash-testing";
import { seatsTarget } from "./crash-test/target.ts";

// A server with a limited number of seats is crashed, in simulated time and in every way there is, until somebody has lost a
// seat for ever; then the same server with that mended. The server is in crash-test/seats.ts; crash-test/seats.test.ts is
// the same as a test of vitest.

const faulty = await findCrash(seatsTarget({ watches: false }), { runs: 5000 });
console.log(faulty.report ?? "nothing found");

const mended = await findCrash(seatsTarget({ watches: true }), { runs: 200 });
console.log(`mended: ${mended.report ?? "nothing found"}`);
if (mended.report !== undefined) process.exitCode = 1;
