export { connectionTest, type ConnectionTestOptions } from "./connection-test.ts";
export { CrashFoundError } from "../errors.ts";
export { crashTest } from "./crash-test.ts";
