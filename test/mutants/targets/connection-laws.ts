import type { Pid } from "@espalier/actors";
import type { Connection, Listener } from "@espalier/sockets";
import type { Invariant, PeerEvent, RunView, Watch } from "../kit.ts";

/** A handler and what is known of its connection. */
interface Served {
  readonly pid: Pid;
  readonly path: string;
  readonly spawnedAt: number;
  host: string | undefined;
  startedAt: number | undefined;
  endedAt: number | undefined;
  injectedBefore: number;
  /** Packets that are in its mailbox. */
  packets: number;
  readies: number;
  ends: number;
  /** When bytes have come last, and how many there were then. */
  heardAt: number;
  heard: number;
  /** When the system has taken bytes last, and how many there were then. */
  handedAt: number;
  handed: number;
}

/** For how long things may take that nobody waits for. */
const SLACK_MS = 1000;
/** The same where a longer time would be the limit of something else. */
const GONE_MS = 200;

/**
 * What a connection owes its handler and its client: each event once, no packet that was not let in, an end when the client
 * has gone, and the timeouts that the options say, neither earlier nor later than by what was injected.
 */
export function connectionsKeepTime(options: { readonly headerMs?: number } = {}): Invariant {
  return {
    id: "T21-gone",
    says: "handlers hear of each thing once and end with their clients, and timeouts come when they are due",
    watch: (run) => new Connections(run, options.headerMs),
  };
}

class Connections implements Watch {
  readonly on: NonNullable<Watch["on"]>;
  readonly #run: RunView;
  readonly #headerMs: number | undefined;
  readonly #served = new Map<Pid, Served>();
  readonly #byText = new Map<string, Served>();

  constructor(run: RunView, headerMs: number | undefined) {
    this.#run = run;
    this.#headerMs = headerMs;
    this.on = {
      spawn: ({ subject: { pid, path }, time }) => {
        if (!/\/connection_sup\/\d+$/.test(path)) return;
        const served: Served = {
          pid,
          path,
          spawnedAt: time,
          host: undefined,
          startedAt: undefined,
          endedAt: undefined,
          injectedBefore: run.world.injectedMs,
          packets: 0,
          readies: 0,
          ends: 0,
          heardAt: time,
          heard: 0,
          handedAt: time,
          handed: 0,
        };
        this.#served.set(pid, served);
        this.#byText.set(pid.toString(), served);
      },
      connectionStarted: ({ connection, peer, time }) => {
        const served = this.#byText.get(connection);
        if (served === undefined) return;
        served.host = peer.host;
        served.startedAt = time;
        served.heardAt = time;
        served.handedAt = time;
        served.injectedBefore = run.world.injectedMs;
      },
      connectionFailed: ({ peer, connection, time }) => {
        const gone = run.peers.find(({ script }) => script.host === peer.host)?.events.find(isLeaving);
        const served = this.#byText.get(connection);
        if (gone === undefined || served === undefined || isNetworkBroken(run)) return;
        // It may have had to wait for its place.
        const waitedMs = time - Math.max(gone.time, served.spawnedAt);
        if (waitedMs > GONE_MS + run.world.injectedMs) {
          run.violate("T26-header", `a client that has gone is waited for during ${waitedMs} ms`);
        }
      },
      send: ({ to, message, time }) => this.#sent(to, message, time),
      deliver: ({ subject, message }) => {
        const served = this.#served.get(subject.pid);
        if (served !== undefined && typeOf(message) === "data") served.packets -= 1;
      },
      exit: ({ subject, time }) => {
        const served = this.#served.get(subject.pid);
        if (served !== undefined) served.endedAt = time;
      },
    };
  }

  quiet(): void {
    const { world, handle } = this.#run;
    const listener = listenerOf(handle);
    if (listener === undefined) return;
    const now = world.now();
    for (const served of this.#served.values()) {
      if (served.endedAt !== undefined) continue;
      if (served.startedAt === undefined) this.#checkHeader(served, now);
      else this.#look(served, listener.connectionOf(served.pid), now);
    }
  }

  after(phase: string): void {
    if (phase === "healed") this.#checkGone();
  }

  #sent(to: Pid, message: unknown, time: number): void {
    const served = this.#served.get(to);
    if (served === undefined) return;
    const type = typeOf(message);
    if (type === "data") {
      served.packets += 1;
      if (served.packets > 1) this.#run.violate("T22-events", `${served.path} gets a packet that it has not let in`);
    } else if (type === "socketReady") {
      served.readies += 1;
      if (served.readies > 1) this.#run.violate("T22-events", `${served.path} gets its socket twice`);
    } else if (type === "closed" || type === "error") {
      served.ends += 1;
      if (served.ends > 1) this.#run.violate("T22-events", `${served.path} is told twice of the end of its connection`);
      const { reason } = message as { reason?: unknown };
      if (reason === "packetTimeout") this.#checkPacket(served);
      if (served.readies > 0 && String(reason).startsWith("proxyProtocol")) {
        this.#run.violate("T22-events", `${served.path} has its socket, and is told of ${String(reason)}`);
      }
    } else if (type === "timeout") {
      const { settings } = connectionOf(this.#run, to) ?? {};
      const limit = settings?.idleTimeoutMs;
      if (typeof limit !== "number" || time - served.heardAt >= limit - 1e-6) return;
      this.#run.violate(
        "T24-idle",
        `${served.path} is told that nothing has come, and something came ${time - served.heardAt} ms ago`,
      );
    }
  }

  /** A packet that is overdue has begun, and not ended. */
  #checkPacket({ host, path, pid }: Served): void {
    const peer = this.#run.peers.find(({ script }) => script.host === host);
    const received = listenerOf(this.#run.handle)?.connectionOf(pid)?.bytesReceived;
    if (peer === undefined || received !== peer.sentBytes || peer.sent.at(-1) !== 0x0a) return;
    this.#run.violate("T22-events", `${path} is told of a packet that is overdue, and there is none`);
  }

  #look(served: Served, connection: Connection | undefined, now: number): void {
    if (connection === undefined) return;
    const { bytesReceived, bytesSent, unsentBytes } = connection;
    const { injectedMs } = this.#run.world;
    const handed = bytesSent - unsentBytes;
    if (bytesReceived !== served.heard) {
      served.heard = bytesReceived;
      served.heardAt = now;
    }
    if (handed !== served.handed || unsentBytes === 0) {
      served.handed = handed;
      served.handedAt = now;
    }
    const { idleTimeoutMs, sendTimeoutMs } = (connection as unknown as Internals).settings;
    const slack = SLACK_MS + injectedMs - served.injectedBefore;
    if (typeof idleTimeoutMs === "number" && now - served.heardAt > idleTimeoutMs + slack) {
      this.#run.violate("T24-idle", `${served.path} has heard nothing for ${now - served.heardAt} ms, and lives`);
    }
    if (typeof sendTimeoutMs === "number" && now - served.handedAt > 2 * sendTimeoutMs + slack) {
      this.#run.violate("T23-slow", `${served.path} could send nothing for ${now - served.handedAt} ms, and lives`);
    }
  }

  #checkHeader({ path, spawnedAt, injectedBefore }: Served, now: number): void {
    if (this.#headerMs === undefined) return;
    const slack = SLACK_MS + this.#run.world.injectedMs - injectedBefore;
    if (now - spawnedAt > this.#headerMs + slack) {
      this.#run.violate("T26-header", `${path} has waited for a header for ${now - spawnedAt} ms`);
    }
  }

  /** Whoever has left is not talked to any more. */
  #checkGone(): void {
    const { world, peers } = this.#run;
    if (isNetworkBroken(this.#run)) return;
    for (const { host, path, startedAt, endedAt } of this.#served.values()) {
      const peer = peers.find(({ script }) => script.host === host);
      if (peer === undefined || startedAt === undefined) continue;
      const { ops } = peer.script;
      const isDeaf = ops.some(({ type }) => type === "pause" || type === "vanish");
      const gone = peer.events.find(isLeaving);
      if (isDeaf || gone === undefined) continue;
      const from = Math.max(gone.time, startedAt);
      const until = endedAt ?? world.now();
      if (until - from <= SLACK_MS + world.injectedMs) continue;
      this.#run.violate("T21-gone", `${path} lives on for ${until - from} ms after ${host} has gone`);
    }
  }
}

/** Then nobody knows who has heard of what. */
function isNetworkBroken({ world }: RunView): boolean {
  return world.choices.deviations.some(({ kind }) => kind === "reset" || kind === "accept");
}

function isLeaving({ type }: PeerEvent): boolean {
  return type === "end" || type === "close" || type === "reset";
}

interface Internals {
  readonly settings: { readonly idleTimeoutMs: number | "infinity"; readonly sendTimeoutMs: number | "infinity" };
}

function connectionOf({ handle }: RunView, pid: Pid): Internals | undefined {
  const connection: unknown = listenerOf(handle)?.connectionOf(pid);
  return connection as Internals | undefined;
}

export function listenerOf(handle: unknown): Listener | undefined {
  if (typeof handle !== "object" || handle === null) return undefined;
  return ("listener" in handle ? handle.listener : handle) as Listener;
}

function typeOf(message: unknown): unknown {
  return typeof message === "object" && message !== null && "type" in message ? message.type : undefined;
}

/** A connector's own timeout is for the time in which it has handled nothing. */
export function silenceIsSilence(limitMs: number): Invariant {
  return {
    id: "T27-silence",
    says: "a connector hears of its timeout only if it has handled nothing for so long",
    watch: (run) => {
      const last = new Map<Pid, number>();
      return {
        on: {
          deliver: ({ subject, message, time }) => {
            if (!subject.path.includes("/connection_sup/")) return;
            const before = last.get(subject.pid);
            last.set(subject.pid, time);
            if (typeOf(message) !== "silence" || before === undefined || time - before >= limitMs - 1e-6) return;
            run.violate("T27-silence", `${subject.path} hears of a silence ${time - before} ms after a message`);
          },
        },
      };
    },
  };
}
