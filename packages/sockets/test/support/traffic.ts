import type { Listener } from "@espalier/sockets";
import { world } from "./server-world.ts";
import type { SocketRecorder } from "./socket-recorder.ts";

/** A client that never rests: it sends a line, and when it has it back, the next. */
export class Chatter {
  readonly client: SocketRecorder;
  /** Lines that came back. */
  rounds = 0;
  readonly #name: string;
  #expected = "";
  #received = "";

  constructor(listener: Listener, name: string) {
    this.#name = name;
    this.client = world.startConnecting(listener, {
      react: (event, client, bytes) => {
        if (event === "connected") this.#speak(client);
        if (event === "data") this.#hear(client, Buffer.from(bytes).toString());
      },
    });
  }

  get isDisconnected(): boolean {
    return this.client.isClosed || this.client.count("end") > 0;
  }

  #speak(client: SocketRecorder): void {
    this.#expected = `line ${this.rounds} of ${this.#name}\n`;
    this.#received = "";
    client.write(this.#expected);
  }

  #hear(client: SocketRecorder, text: string): void {
    this.#received += text;
    if (!this.#received.endsWith("\n")) return;
    if (this.#received !== this.#expected) throw new Error(`sent ${this.#expected}, got ${this.#received}`);
    this.rounds += 1;
    this.#speak(client);
  }
}

/** So many clients of an echo server that is framed by lines, each of which has been heard. */
export async function chatter(listener: Listener, count: number): Promise<readonly Chatter[]> {
  const chatters = Array.from({ length: count }, (_, index) => new Chatter(listener, `client ${index}`));
  await world.until(() => chatters.every(({ rounds }) => rounds > 0));
  return chatters;
}

/** What has become of them: how many go on being served, and how many have lost their connection. */
export async function fateOf(chatters: readonly Chatter[]): Promise<{ echoing: number; disconnected: number }> {
  const before = chatters.map(({ rounds }) => rounds);
  const isEchoing = ({ rounds }: Chatter, index: number): boolean => rounds >= (before[index] ?? 0) + 2;
  await world.until(() => chatters.every((each, index) => each.isDisconnected || isEchoing(each, index)));
  const disconnected = chatters.filter((each) => each.isDisconnected).length;
  return { echoing: chatters.length - disconnected, disconnected };
}
