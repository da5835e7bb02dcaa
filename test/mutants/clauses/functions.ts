import { fromAsync, shutdown } from "@espalier/actors";
import { type Clause, Gate, textOf } from "./stage.ts";

/** Chapter 10 of the semantics: async functions. */
export const functions: readonly Clause[] = [
  {
    says: "10.1 a function ends as normal when it returns, and crashes with what it throws",
    sees: ["returning ends: normal", "throwing ends: error broken"],
    async play(stage) {
      await stage.ends(
        "returning",
        stage.spawn(
          "returning",
          fromAsync(async (self) => void (await self.receive({ timeoutMs: 1 }))),
        ),
      );
      const throwing = fromAsync(async (self) => {
        await self.receive({ timeoutMs: 1 });
        throw new Error("broken");
      });
      await stage.ends("throwing", stage.spawn("throwing", throwing));
    },
  },
  {
    says: "10.2 receive takes the first that matches, the others stay in order",
    sees: ["b", "d", "a", "c", "e", "f", "g"],
    async play(stage) {
      const picky = fromAsync<string>(async (self) => {
        for (let count = 0; count < 2; count += 1) stage.note(textOf(await self.receive({ match: isLiked })));
        for (let count = 0; count < 5; count += 1) stage.note(textOf(await self.receive()));
      });
      const ref = stage.spawn("picky", picky);
      for (const message of ["a", "b", "c"]) stage.system.send(ref, message);
      await stage.rest(1);
      for (const message of ["d", "e", "f", "g"]) stage.system.send(ref, message);
      await stage.system.exited(ref);
    },
  },
  {
    says: "10.3 a receive whose time runs out leaves nothing behind",
    sees: ["nothing", "a", "0 messages, body"],
    async play(stage) {
      const waiting = fromAsync<string>(async (self) => {
        stage.note(
          (await self.receive({ match: (message) => message === "b", timeoutMs: 10 })) === undefined ? "nothing" : "?",
        );
        stage.note(textOf(await self.receive({ timeoutMs: 500 })));
        await self.receive({ match: (message) => message === "b" });
      });
      const ref = stage.spawn("waiting", waiting);
      stage.system.send(ref, "a");
      await stage.rest(600);
      const { mailboxLength, resources = [] } = stage.system.inspect(ref) ?? {};
      stage.note(`${mailboxLength} messages, ${resources.map(({ kind }) => kind).join()}`);
    },
  },
  {
    says: "10.4 a function that is ended from outside runs no further",
    sees: ["one ends: shutdown", "two ends: shutdown", "over"],
    async play(stage) {
      const { system } = stage;
      const other = stage.puppet("other");
      const one = stage.spawn(
        "one",
        fromAsync(async (self) => {
          try {
            await self.receive();
          } finally {
            stage.note("one goes on");
          }
        }),
      );
      const gate = new Gate();
      const two = stage.spawn(
        "two",
        fromAsync(async (self) => {
          await self.call(other.ref, { type: "do", act: () => gate.opened }).catch(() => undefined);
          stage.note("two goes on");
        }),
      );
      await stage.rest(1);
      for (const [role, ref] of Object.entries({ one, two })) {
        const ended = stage.ends(role, ref);
        system.exit(ref, shutdown());
        await ended;
      }
      gate.open();
      await stage.rest(1);
      stage.note("over");
    },
  },
  {
    says: "10.5 while a function awaits a promise of its own its mail waits",
    sees: ["resting", "opened", "a", "b"],
    async play(stage) {
      const gate = new Gate();
      const busy = fromAsync<string>(async (self) => {
        await gate.opened;
        stage.note("opened");
        for (let count = 0; count < 2; count += 1) stage.note(textOf(await self.receive()));
      });
      const ref = stage.spawn("busy", busy);
      for (const message of ["a", "b"]) stage.system.send(ref, message);
      await stage.rest(5);
      stage.note("resting");
      gate.open();
      await stage.system.exited(ref);
    },
  },
];

function isLiked(message: unknown): boolean {
  return message === "b" || message === "d";
}
