import type { Duplex } from "node:stream";
import { createSecureContext, createServer, type SecureContext, type Server, type TLSSocket } from "node:tls";
import { InvalidOptionError } from "../errors.ts";
import type { TransportSocket } from "../transport.ts";
import { codeOf } from "./net-socket.ts";
import { type HandshakeOutcome, SecureSocket } from "./secure-socket.ts";
import type { ServerTls } from "./server-tls.ts";
import { readFacts } from "./tls-facts.ts";
import { toNode, withOpenSsl } from "./tls-node.ts";
import {
  checkIdentity,
  checkTlsOptions,
  DEFAULT_HANDSHAKE_TIMEOUT_MS,
  type TlsIdentity,
  type TlsOptions,
} from "./tls-options.ts";

/** Node's server of one connection. */
interface OwnServer extends Server {
  readonly [OUTCOME]: HandshakeOutcome;
}

const OUTCOME = Symbol("outcome");

/**
 * What new connections of a server need for TLS: the options, checked, and what OpenSSL has made of them. It holds keys, so
 * it has nothing to show, in whatever way it is printed.
 */
export class TlsContext implements ServerTls {
  readonly #path: string;
  #options: TlsOptions;
  #server: Server;

  /**
   * @param path - what the options are called in errors
   * @throws InvalidOptionError (`ERR_INVALID_OPTION`) naming every fault, and no value
   */
  constructor(options: TlsOptions, path = "tls") {
    this.#path = path;
    this.#options = options;
    this.#server = build(options, path);
  }

  get handshakeTimeoutMs(): number {
    return this.#options.handshakeTimeoutMs ?? DEFAULT_HANDSHAKE_TIMEOUT_MS;
  }

  /**
   * Changes options, for handshakes that begin from now on; those that are not given stay. Sessions of before are not
   * resumed: what they were let in by may not count any more. If anything is wrong, all stays as it was.
   *
   * @throws InvalidOptionError (`ERR_INVALID_OPTION`)
   */
  reload(changes: Partial<TlsOptions>): void {
    const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
    const options: TlsOptions = { ...this.#options, ...given };
    this.#server = build(options, this.#path);
    this.#options = options;
  }

  /** Puts the server's end of TLS on a socket. */
  secure(socket: TransportSocket): SecureSocket {
    return new SecureSocket(socket, (stream, outcome) => this.#accept(stream, outcome), this.handshakeTimeoutMs);
  }

  toJSON(): string {
    return "TLS";
  }

  /**
   * Node's server takes any stream for a connection, but says of an outcome only which `TLSSocket` it concerns, and of that
   * not which stream it stands on. So each connection has a server that inherits all from the one of the options, and
   * which tells, as the receiver of its own events, for whom they are.
   */
  #accept(stream: Duplex, outcome: HandshakeOutcome): void {
    const own = Object.create(this.#server, { [OUTCOME]: { value: outcome } }) as OwnServer;
    own.emit("connection", stream);
  }
}

/** As Node's documentation has it, if not its types. */
const NO_RESPONSE = null as unknown as Buffer;

/** Node's server, which never listens. */
function build(options: TlsOptions, path: string): Server {
  const issues = checkTlsOptions(options, path);
  if (issues.length > 0) throw new InvalidOptionError(issues);
  const { alpnProtocols, sni, psk, ocsp, handshakeTimeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS, ...rest } = options;
  const names = new WeakMap<TLSSocket, string>();
  const common = { minVersion: "TLSv1.2", ...toNode(rest) };
  const server = withOpenSsl(path, () =>
    createServer({
      ...common,
      requestCert: rest.requestCert ?? false,
      rejectUnauthorized: rest.rejectUnauthorized ?? true,
      // Of use where nobody keeps the deadline of a connection; one who does comes first, or at the same time.
      handshakeTimeout: handshakeTimeoutMs,
      ...(alpnProtocols !== undefined && { ALPNProtocols: [...alpnProtocols] }),
      ...(sni !== undefined && { SNICallback: chooseBy(sni, common, path) }),
      ...(psk !== undefined && {
        pskCallback: (socket: TLSSocket, identity: string) => {
          const key = psk.key(identity);
          if (key !== undefined) names.set(socket, identity);
          return key ?? null;
        },
        pskIdentityHint: psk.hint ?? "",
      }),
    } as Parameters<typeof createServer>[0]),
  );
  server.on("secureConnection", function onSecure(this: Server, socket) {
    (this as OwnServer)[OUTCOME].secured(socket, readFacts(socket, names.get(socket)));
  });
  server.on("tlsClientError", function onError(this: Server, error, socket) {
    // A certificate that is no good is told by an end without a cause.
    // Node types the code as an error.
    const reason = socket.authorizationError as unknown;
    (this as OwnServer)[OUTCOME].refused(typeof reason === "string" ? reason : codeOf(error));
  });
  if (ocsp !== undefined) {
    server.on("OCSPRequest", (certificate, issuer, respond) => {
      const answer = async (): Promise<Uint8Array | undefined> => ocsp({ certificate, issuer: issuer ?? undefined });
      void answer().then(
        (response) => respond(null, response === undefined ? NO_RESPONSE : Buffer.from(response)),
        () => respond(null, NO_RESPONSE),
      );
    });
  }
  return server;
}

type SniCallback = (servername: string, choose: (error: Error | null, context?: SecureContext) => void) => void;

/** @param common - of the server. The context of an identity takes the place of its own, whom it trusts included. */
function chooseBy(sni: NonNullable<TlsOptions["sni"]>, common: object, path: string): SniCallback {
  // What has been made of an identity is of use as long as somebody gives this identity.
  const contexts = new WeakMap<TlsIdentity, SecureContext>();
  const contextOf = (identity: TlsIdentity): SecureContext => {
    const known = contexts.get(identity);
    if (known !== undefined) return known;
    const place = `${path}.sni`;
    const issues = checkIdentity({ ...identity }, place);
    if (issues.length > 0) throw new InvalidOptionError(issues);
    const context = withOpenSsl(place, () => createSecureContext({ ...common, ...toNode(identity) }));
    contexts.set(identity, context);
    return context;
  };
  const find = typeof sni === "function" ? sni : (servername: string) => findByName(sni, servername);
  if (typeof sni !== "function") for (const identity of Object.values(sni)) contextOf(identity);
  return (servername, choose) => {
    const answer = async (): Promise<SecureContext | undefined> => {
      const identity = await find(servername);
      if (identity === null) throw new UnrecognizedName();
      return identity === undefined ? undefined : contextOf(identity);
    };
    void answer().then(
      (context) => choose(null, context),
      (error: unknown) => choose(error instanceof Error ? error : new UnrecognizedName()),
    );
  };
}

/** There is no identity for the name that the client asks for. */
class UnrecognizedName extends Error {
  override readonly name = "UnrecognizedName";
  readonly code = "ERR_TLS_UNRECOGNIZED_NAME";
}

function findByName(identities: Readonly<Record<string, TlsIdentity>>, servername: string): TlsIdentity | undefined {
  const name = servername.toLowerCase();
  const wildcard = `*${name.slice(Math.max(name.indexOf("."), 0))}`;
  const keys = Object.keys(identities);
  const key =
    keys.find((known) => known.toLowerCase() === name) ?? keys.find((known) => known.toLowerCase() === wildcard);
  return key === undefined ? undefined : identities[key];
}
