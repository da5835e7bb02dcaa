/** Runs something later, never before it returns. */
export type Defer = (run: () => void) => void;

/** How an attempt to connect fails: somebody says no, or nobody says anything. */
export type ConnectFault = "refused" | "unanswered";

/**
 * What becomes of a connection on its way to who accepts it. In each case the client is connected.
 *
 * - `gone`: it is reset before it is accepted, and is accepted all the same
 * - `resetBehind`: it is reset as soon as it is accepted
 * - `lost`: it is never accepted, and neither side hears of the other
 * - `dropped`: it is never accepted, and closed at once, as libuv does when there are no descriptors left
 */
export type AcceptFault = "gone" | "resetBehind" | "lost" | "dropped";

/** How a connection breaks: both ends are told, or nobody is, and neither hears of the other any more. */
export type Break = "reset" | "silence";

/** What a simulator decides about one end of a connection. */
export interface EndWeather {
  /** Runs one event of this end later, never before it returns. No two of one end are under way at once. */
  defer(run: () => void): void;
  /** How many of so many waiting bytes the next `data` brings; kept between 1 and `bytes`. */
  chunk(bytes: number): number;
  /**
   * How many of so many bytes the system takes at once when nothing is unsent; kept between 0 and `bytes`. It takes the
   * rest in an event of its own.
   */
  write(bytes: number): number;
  /** Asked once of the end of a client. */
  connect(): ConnectFault | undefined;
  /** Asked once of the end of a server. */
  accept(): AcceptFault | undefined;
  /** Asked before each event of an open connection; the event comes afterwards, if there is anything left of it. */
  breaks(): Break | undefined;
  /**
   * Nobody answers to what was sent. `run` is to be called when the system has had enough of that, and closes with
   * `ETIMEDOUT`; the answer takes it back.
   *
   * @param what - has gone unanswered: an attempt to connect, or bytes
   */
  giveUp(what: "connect" | "bytes", run: () => void): () => void;
}

/** What a simulator decides about listening sockets. */
export interface ListenWeather {
  /** Runs one event of a listening socket later, never before it returns. */
  defer(run: () => void): void;
  /**
   * Who tells of a connection that is to be accepted: false: the listening socket, one after the other; true: each is an
   * event of the server's end, so that none is late because another is.
   */
  readonly isEachItsOwn: boolean;
  /** Asked for each socket: whether the address is taken, whoever has it. */
  isTaken(): boolean;
}

/**
 * What a simulator decides about a network. Everything that it is told about has a name that says what it is, and is the
 * same in another run in which other things happened before: no number of a socket, and no port that was only free.
 */
export interface Weather {
  /**
   * One end of a connection, asked once for each. The client's is named after the address that it comes from, and how many
   * connections came from there before: `10.0.0.3#1` is its first. The server's end of that is `>10.0.0.3#1`.
   */
  end(name: string): EndWeather;
  /** An address to listen on, as it was asked for: `:1883`, `:0`, or the path of a unix socket. Asked for each socket. */
  listener(name: string): ListenWeather;
}

/** Everything goes well, in pieces and at times that somebody decides on who need not know about whom. */
export function fairWeather(defer: Defer, chunk: (bytes: number) => number): Weather {
  const end: EndWeather = {
    defer,
    chunk,
    write: (bytes) => bytes,
    connect: nothing,
    accept: nothing,
    breaks: nothing,
    giveUp: () => nothing,
  };
  const listener: ListenWeather = { defer, isEachItsOwn: false, isTaken: () => false };
  return { end: () => end, listener: () => listener };
}

function nothing(): undefined {}

/** Runs `step` later, once for all calls until then. */
export function onceLater(weather: { defer(run: () => void): void }, step: () => void): () => void {
  let isDue = false;
  const run = (): void => {
    isDue = false;
    step();
  };
  return () => {
    if (isDue) return;
    isDue = true;
    weather.defer(run);
  };
}
