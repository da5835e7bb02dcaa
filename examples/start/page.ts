import { randomBytes } from "node:crypto";
import type { System } from "@espalier/actors";
import { type Inspector, inspector, InspectorListenError } from "@espalier/inspector";
import type { Sockets } from "@espalier/sockets";

/** A page that shows the living tree. */
export interface Page {
  readonly url: string;
  /** Whoever has it may give commands. */
  readonly token: string;
  close(): Promise<void>;
}

/** Serves the page on this machine alone. The server goes without it, and says so, if the port is in use. */
export async function openPage(system: System, sockets: Sockets, port: number): Promise<Page | undefined> {
  const token = randomBytes(12).toString("hex");
  const inspected: Inspector = inspector(system, { sockets, token });
  try {
    const { url } = await inspected.listen({ port });
    return { url, token, close: () => inspected.close() };
  } catch (error) {
    await inspected.close();
    if (!(error instanceof InspectorListenError)) throw error;
    console.error(`no page of the living tree: ${error.message}`);
    return undefined;
  }
}
