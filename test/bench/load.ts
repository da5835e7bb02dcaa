import net from "node:net";

/*
 * The clients, as a process of their own. Each task comes by IPC and is answered when it is done; every byte that comes
 * back is compared.
 */

export type Task =
  /**
   * So many messages there and back over so many connections, which are opened the first time: of `bytes` bytes,
   * `inFlight` of them under way at once on each, with a length of two bytes before each if they are framed.
   */
  | {
      readonly type: "echo";
      readonly port: number;
      readonly connections: number;
      readonly messages: number;
      readonly bytes: number;
      readonly inFlight: number;
      readonly isFramed: boolean;
    }
  /** So many connections opened and closed, some at a time. */
  | { readonly type: "churn"; readonly port: number; readonly count: number }
  /** So many connections that do nothing; they stay until `drop`. */
  | { readonly type: "hold"; readonly port: number; readonly count: number }
  | { readonly type: "drop" };

const CONCURRENT = 20;
const held: net.Socket[] = [];
/** Those that echo, by port. They stay open, so that what a connection costs is not counted to its echoes. */
const talking = new Map<number, net.Socket[]>();

function connect(port: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: "127.0.0.1", noDelay: true }, () => resolve(socket));
    socket.once("error", reject);
  });
}

async function talkers(port: number, count: number): Promise<net.Socket[]> {
  const open = talking.get(port) ?? [];
  talking.set(port, open);
  while (open.length < count) open.push(await connect(port));
  return open.slice(0, count);
}

type Echo = Extract<Task, { readonly type: "echo" }>;

async function echo({ port, connections, messages, bytes, inFlight, isFramed }: Echo): Promise<void> {
  const message = Buffer.alloc(bytes + (isFramed ? 2 : 0), "0123456789abcdef");
  if (isFramed) message.writeUInt16BE(bytes);
  const payload = Buffer.concat(Array.from({ length: inFlight }, () => message));
  let left = messages;
  const sockets = await talkers(port, connections);
  const lost = new Promise<never>((_resolve, reject) => {
    for (const socket of sockets) socket.once("close", () => reject(new Error("a connection is gone")));
  });
  function client(socket: net.Socket): Promise<void> {
    let received = 0;
    return new Promise<void>((resolve, reject) => {
      socket.on("data", (data) => {
        if (!payload.subarray(received, received + data.length).equals(data)) {
          reject(new Error("the echo is not what was sent"));
        }
        received += data.length;
        if (received < payload.length) return;
        received = 0;
        left -= inFlight;
        if (left <= 0) resolve();
        else socket.write(payload);
      });
      socket.write(payload);
    });
  }
  await Promise.race([lost, Promise.all(sockets.map(client))]);
  for (const socket of sockets) socket.removeAllListeners("data").removeAllListeners("close");
}

async function churn(port: number, count: number): Promise<void> {
  let left = count;
  async function client(): Promise<void> {
    while (left > 0) {
      left -= 1;
      const socket = await connect(port);
      const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
      socket.resume();
      socket.end();
      await closed;
    }
  }
  await Promise.all(Array.from({ length: CONCURRENT }, client));
}

async function hold(port: number, count: number): Promise<void> {
  for (let left = count; left > 0; left -= CONCURRENT) {
    held.push(...(await Promise.all(Array.from({ length: Math.min(left, CONCURRENT) }, () => connect(port)))));
  }
}

async function perform(task: Task): Promise<void> {
  switch (task.type) {
    case "echo":
      return echo(task);
    case "churn":
      return churn(task.port, task.count);
    case "hold":
      return hold(task.port, task.count);
    case "drop":
      for (const socket of held.splice(0)) socket.destroy();
  }
}

process.on("message", (task: Task) => {
  perform(task).then(
    () => process.send?.({ done: true }),
    (error: unknown) => process.send?.({ done: false, error: String(error) }),
  );
});
