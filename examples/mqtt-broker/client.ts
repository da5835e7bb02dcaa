import type { System } from "@espalier/actors";
import { type AsyncConnection, connect, fromConnection } from "@espalier/sockets";
import { encode, framing, parse, word } from "./packet.ts";

// As much of a client as it takes to show a broker. The framing is the broker's.

/** What is published when the client is lost. */
export interface Will {
  readonly topic: string;
  readonly text: string;
}

/** Runs as a client of the broker, when it is welcome. Resolves when the body has. */
export async function visit(
  system: System,
  port: number,
  body: (connection: AsyncConnection) => Promise<void>,
  will?: Will,
): Promise<void> {
  const options = { packet: framing, reconnect: "never" } as const;
  await new Promise<void>((resolve, reject) => {
    const client = fromConnection(async (connection) => {
      await ask(connection, greeting(will));
      await body(connection);
      resolve();
    });
    connect(system, port, options, client).catch(reject);
  });
}

/** Sends a packet and waits for the one that comes next. */
export async function ask(connection: AsyncConnection, packet: Uint8Array): Promise<void> {
  connection.send(packet);
  await connection.recv();
}

/** What is published next of what the client has subscribed to. */
export async function hear(connection: AsyncConnection): Promise<string> {
  const packet = parse((await connection.recv()) ?? new Uint8Array());
  if (packet.type !== "mqtt.publish") return packet.type;
  return `${packet.message.topic}: ${new TextDecoder().decode(packet.message.payload)}`;
}

function greeting(will?: Will): Uint8Array {
  const last = will === undefined ? [] : [field(will.topic), field(will.text)];
  return encode(0x10, field("MQTT"), Uint8Array.of(4, will === undefined ? 2 : 6, 0, 0), field(""), ...last);
}

export function subscribe(filter: string): Uint8Array {
  return encode(0x82, word(1), field(filter), Uint8Array.of(0));
}

function field(text: string): Uint8Array {
  return Buffer.concat([word(Buffer.byteLength(text)), Buffer.from(text)]);
}
