import { createSystem } from "@espalier/actors";
import { drainOnSignal, formatAddress, startSockets } from "@espalier/sockets";
import { openBroker } from "./mqtt-broker/broker.ts";
import { ask, hear, subscribe, visit } from "./mqtt-broker/client.ts";
import { publish } from "./mqtt-broker/packet.ts";

// A broker of MQTT 3.1.1. With a port it runs until Ctrl-C: `npx -y pnpm@12 example mqtt-broker 1883`, to be tried out by
// `mosquitto_sub -v -t '#'`. Without one it shows what it does. It is in mqtt-broker/broker.ts.

const system = createSystem();
const sockets = await startSockets(system);

// What stands on the command line behind the name of the example.
const port = process.argv.slice(2).find((argument) => /^\d{1,5}$/u.test(argument));
if (port === undefined) await show();
else await serve(Number(port));

async function serve(wanted: number): Promise<void> {
  const broker = await openBroker(system, sockets, wanted);
  console.log(`listening on ${formatAddress(broker.address)}, until Ctrl-C`);
  drainOnSignal(process, sockets, { timeoutMs: 1000, onDrained: () => void system.shutdown() });
}

async function show(): Promise<void> {
  const broker = await openBroker(system, sockets, "127.0.0.1:0");
  await visit(system, broker.port, async (dashboard) => {
    await ask(dashboard, subscribe("house/+"));
    const will = { topic: "house/sensor", text: "lost" };
    await visit(system, broker.port, measure, will);
    console.log("the dashboard hears", await hear(dashboard));
    console.log("the dashboard hears", await hear(dashboard));
  });

  // What is retained outlives the router, and connections find the next one by themselves.
  const router = system.whereis("router");
  if (router !== undefined) system.kill(router);
  await visit(system, broker.port, async (latecomer) => {
    await ask(latecomer, subscribe("house/temperature"));
    console.log("after a crash a latecomer hears", await hear(latecomer));
  });
  await system.shutdown();
}

/** Says how warm it is, waits until the broker has it, and vanishes. */
async function measure(sensor: Parameters<typeof ask>[0]): Promise<void> {
  const payload = new TextEncoder().encode("21 °C");
  await ask(sensor, publish({ topic: "house/temperature", payload, qos: 1, retain: true }, 1));
  sensor.abort();
}
