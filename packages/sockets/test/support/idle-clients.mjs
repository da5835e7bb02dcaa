// Many clients in a process of their own, because each takes a file descriptor. Told by messages:
//
//   { type: "connect", port, count }  → { type: "connected" }         all are up
//   { type: "echo" }                  → { type: "echoed", right }      so many got back what they sent
//   { type: "leave" }                 → the process ends               all have ended, and the server has too
import { once } from "node:events";
import { connect } from "node:net";

/** So many are dialling or talking at a time. */
const AT_ONCE = 256;
/** So many share one address of 127.0.0.0/8; each address has ports of its own. */
const PER_ADDRESS = 4000;

const sockets = [];

async function inTurns(count, work) {
  let next = 0;
  async function take() {
    while (next < count) {
      next += 1;
      await work(next - 1);
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, take));
}

async function dial(port, index) {
  const localAddress = `127.0.1.${1 + Math.floor(index / PER_ADDRESS)}`;
  const socket = connect({ host: "127.0.0.1", port, localAddress, noDelay: true });
  await once(socket, "connect");
  sockets[index] = socket;
}

async function isEchoed(index) {
  const sent = `client ${index}`;
  const socket = sockets[index];
  socket.write(sent);
  let received = "";
  while (received.length < sent.length) {
    const [bytes] = await once(socket, "data");
    received += bytes.toString();
  }
  return received === sent;
}

async function leave(index) {
  const socket = sockets[index];
  const closed = once(socket, "close");
  socket.resume();
  socket.end();
  await closed;
}

process.on("message", async (message) => {
  if (message.type === "connect") {
    await inTurns(message.count, (index) => dial(message.port, index));
    process.send({ type: "connected" });
  } else if (message.type === "echo") {
    let right = 0;
    await inTurns(sockets.length, async (index) => {
      if (await isEchoed(index)) right += 1;
    });
    process.send({ type: "echoed", right });
  } else {
    await inTurns(sockets.length, leave);
    process.disconnect();
  }
});
