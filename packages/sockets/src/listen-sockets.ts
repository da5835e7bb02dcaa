import type { OptionIssue } from "./errors.ts";
import type { ListenAddress } from "./listen-on.ts";
import type { ListenerOptions } from "./options.ts";
import type { Transport } from "./transport.ts";

type ListenSocketsOptions = Pick<Required<ListenerOptions>, "acceptors" | "listenSockets" | "reusePort">;

/** What is wrong with the number of listening sockets, as things are with the other options. */
export function checkListenSockets(options: ListenSocketsOptions): OptionIssue[] {
  const { acceptors, listenSockets: value, reusePort } = options;
  if (value > 1 && !reusePort) return [{ option: "listenSockets", value, expected: "1 unless reusePort is true" }];
  // Each is to be served by one at least, which is how Ranch deals them out.
  if (value > acceptors) {
    return [{ option: "listenSockets", value, expected: `at most the number of acceptors, ${acceptors}` }];
  }
  return [];
}

/** Why the address cannot be shared, if that is asked for. */
export function checkReusePort(
  { reusePort: value }: ListenerOptions,
  { name, canReusePort = false, reusePortNeeds: needs }: Transport,
  { path }: ListenAddress,
): OptionIssue[] {
  if (value !== true) return [];
  const fault = (expected: string): OptionIssue[] => [{ option: "reusePort", value, expected }];
  if (path !== undefined) return fault("false for a unix socket");
  if (canReusePort) return [];
  return fault(needs === undefined ? `false on the transport ${name}` : `false here (it needs ${needs})`);
}
