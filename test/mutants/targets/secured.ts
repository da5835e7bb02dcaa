import { type Knobs, reconnectingBy } from "./reconnecting.ts";
import type { TargetCase } from "./target-case.ts";

/** The same client and server, with TLS between them, whose handshakes fail, hang or are slow at either end. */
export const secured: TargetCase<Knobs> = reconnectingBy("secured", true);
