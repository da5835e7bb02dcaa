import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { checkServerIdentity, connect, type ConnectionOptions, createSecureContext, type TLSSocket } from "node:tls";
import { InvalidOptionError } from "../errors.ts";
import type { ConnectOptions } from "../transport.ts";
import { ClientTls } from "./client-tls.ts";
import { codeOf } from "./net-socket.ts";
import type { HandshakeOutcome } from "./secure-socket.ts";
import { checkTlsClientOptions, type TlsClientOptions } from "./tls-client-options.ts";
import { readFacts } from "./tls-facts.ts";
import { toNode, withOpenSsl } from "./tls-node.ts";

/**
 * What new connections of a client need for TLS: the options, checked, and what OpenSSL has made of them. It holds keys, so
 * it has nothing to show, in whatever way it is printed.
 */
export class TlsClientContext extends ClientTls {
  readonly #path: string;
  #options: TlsClientOptions;
  #node: ConnectionOptions;

  /**
   * @param path - what the options are called in errors
   * @throws InvalidOptionError (`ERR_INVALID_OPTION`) naming every fault, and no value
   */
  constructor(options: TlsClientOptions = {}, path = "tls") {
    super();
    this.#path = path;
    this.#options = options;
    this.#node = build(options, path);
  }

  /**
   * Changes options, for connections that are made from now on; those that are not given stay. If anything is wrong, all
   * stays as it was.
   *
   * @throws InvalidOptionError (`ERR_INVALID_OPTION`)
   */
  reload(changes: TlsClientOptions): void {
    const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
    const options: TlsClientOptions = { ...this.#options, ...given };
    this.#node = build(options, this.#path);
    this.#options = options;
  }

  protected override shakeHands(stream: Duplex, outcome: HandshakeOutcome, to: ConnectOptions): TLSSocket {
    // A name is what servers choose their certificate by; an address is only checked against it.
    const servername = to.path !== undefined || isIP(to.host) > 0 ? "" : to.host;
    const tls = connect({ host: to.host, servername, ...this.#node, socket: stream });
    const onError = (error: Error): void => outcome.refused(codeOf(error));
    tls.on("error", onError);
    tls.once("secureConnect", () => {
      tls.off("error", onError);
      outcome.secured(tls, readFacts(tls, undefined));
    });
    return tls;
  }
}

function build(options: TlsClientOptions, path: string): ConnectionOptions {
  const issues = checkTlsClientOptions(options, path);
  if (issues.length > 0) throw new InvalidOptionError(issues);
  const { alpnProtocols, psk, servername, rejectUnauthorized = true, checkServerIdentity: check, ...rest } = options;
  return {
    secureContext: withOpenSsl(path, () => createSecureContext({ minVersion: "TLSv1.2", ...toNode(rest) })),
    rejectUnauthorized,
    ...(servername !== undefined && { servername }),
    ...(alpnProtocols !== undefined && { ALPNProtocols: [...alpnProtocols] }),
    ...(check !== undefined && { checkServerIdentity: check }),
    ...(psk !== undefined && {
      pskCallback: () => ({ identity: psk.identity, psk: psk.key }),
      ...(check === undefined && { checkServerIdentity: unlessWithoutCertificate }),
    }),
  };
}

/** A server that has proven itself by the key that both know has no certificate to be checked; any other has. */
const unlessWithoutCertificate: typeof checkServerIdentity = (host, certificate) =>
  Object.keys(certificate).length === 0 ? undefined : checkServerIdentity(host, certificate);
