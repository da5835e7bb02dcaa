import { InvalidOptionError, type OptionIssue } from "../errors.ts";
import { codeOf } from "./net-socket.ts";
import type { Pem } from "./tls-options.ts";

interface NodePems {
  readonly cert?: Pem;
  readonly key?: Pem;
  readonly ca?: Pem | readonly Pem[];
  readonly crl?: Pem | readonly Pem[];
}

/** What Node calls otherwise, or does not take as it is. */
export function toNode({ cert, key, ca, crl, ...rest }: NodePems): object {
  return {
    ...rest,
    ...(cert !== undefined && { cert: toText(cert) }),
    ...(key !== undefined && { key: toText(key) }),
    ...(ca !== undefined && { ca: [ca].flat().map(toText) }),
    ...(crl !== undefined && { crl: [crl].flat().map(toText) }),
  };
}

function toText(pem: string | Uint8Array): string {
  return typeof pem === "string" ? pem : Buffer.from(pem).toString();
}

/** What OpenSSL refuses although it looked right. Its words have no part of a key in them, but they stay out as well. */
export function withOpenSsl<Result>(path: string, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    const code = error instanceof Error ? codeOf(error) : "unknown";
    const option = code.includes("CIPHER") ? `${path}.ciphers` : path;
    const issue: OptionIssue = { option, value: undefined, expected: `accepted by OpenSSL (${code})`, isSecret: true };
    throw new InvalidOptionError([issue]);
  }
}
