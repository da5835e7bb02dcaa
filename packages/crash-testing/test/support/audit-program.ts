// Prints what the runs of an audit were: `audit-program.ts echo 100 1`. The test compares what different processes print.
import { audits } from "./audits.ts";

const [name = "echo", plans = "100", seed = "1"] = process.argv.slice(2);
const audited = await audits[name]?.(Number(plans), Number(seed));
process.stdout.write(JSON.stringify(audited?.hashes));
