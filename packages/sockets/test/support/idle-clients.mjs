// Many clients in a process of their own, because each takes a file descriptor. Told by messages:
//
//   { type: "connect", port, count }  → { type: "connected" }         all are up
//   { type: "echo" }                  → { type: "echoed", right }      so many got back what they sent
//   { type: "leave" }                 → the process ends               all have ended, and the server has too
import { connect } from "node:net";

/** So many are dialling or talking at a time. */
const AT_ONCE = 256;
/** So many share one address of 127.0.0.0/8; each address has ports of its own. */
const PER_ADDRESS = 4000;

const sockets = [];

/** Has each of so many do its work, a limited number at a time. */
function inTurns(count, work) {
  return new Promise((resolve) => {
    let next = 0;
    let done = 0;
    const take = () => {
      if (next === count) return;
      next += 1;
      work(next - 1, () => {
        done += 1;
        if (done === count) resolve();
        else take();
      });
    };
    for (let turn = 0; turn < Math.min(AT_ONCE, count); turn += 1) take();
  });
}

function dial(port, index, done) {
  const localAddress = `127.0.1.${1 + Math.floor(index / PER_ADDRESS)}`;
  sockets[index] = connect({ host: "127.0.0.1", port, localAddress, noDelay: true }, done);
}

function echo(index, done) {
  const sent = `client ${index}`;
  let received = "";
  const hear = (bytes) => {
    received += bytes.toString();
    if (received.length < sent.length) return;
    sockets[index].off("data", hear);
    done(received === sent);
  };
  sockets[index].on("data", hear).write(sent);
}

function leave(index, done) {
  sockets[index].once("close", done).resume().end();
}

process.on("message", async (message) => {
  if (message.type === "connect") {
    await inTurns(message.count, (index, done) => dial(message.port, index, done));
    process.send({ type: "connected" });
  } else if (message.type === "echo") {
    let right = 0;
    await inTurns(sockets.length, (index, done) =>
      echo(index, (isRight) => {
        if (isRight) right += 1;
        done();
      }),
    );
    process.send({ type: "echoed", right });
  } else {
    await inTurns(sockets.length, leave);
    process.disconnect();
  }
});
