import { crashTest } from "@espalier/crash-testing/vitest";
import { seatsTarget } from "./target.ts";

crashTest("nobody loses a seat", seatsTarget({ watches: true }));
