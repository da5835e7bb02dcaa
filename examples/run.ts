// Runs one example: `npx -y pnpm@12 example NAME`.

const examples: Readonly<Record<string, string>> = {
  "echo-machine": "a connection as an XState machine",
  "echo-server": "a connection as a server with callbacks",
  "echo-loop": "a connection as an async function",
  "tcp-echo-fsm": "the connection of OTP's classic tutorial",
  "udp-echo": "an actor for each peer of a UDP server",
  "client-pool": "clients that connect anew, in a pool",
  "mqtt-broker": "a broker of MQTT, with a framing of its own; with a port it runs until Ctrl-C",
  inspect: "a server that is looked at while it runs, and told to kill a connection",
  "hot-upgrade": "a server that changes its protocol under load",
  "crash-test": "a search for the crash that nobody has thought of",
  counter: "an actor that crashes and is restarted",
  "crash-and-restart": "who is restarted with whom",
};

// Some package managers hand on the "--" that separates their own flags from those of the program.
const name = process.argv.slice(2).find((argument) => argument !== "--");
if (name !== undefined && Object.hasOwn(examples, name)) {
  await import(`./${name}.ts`);
} else {
  if (name !== undefined) console.error(`there is no example ${JSON.stringify(name)}`);
  console.error("npx -y pnpm@12 example NAME, where NAME is one of");
  for (const [known, subject] of Object.entries(examples)) console.error(`  ${known.padEnd(18)} ${subject}`);
  process.exitCode = 1;
}
