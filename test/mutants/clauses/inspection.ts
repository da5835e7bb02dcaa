import { defineServer, failure, noproc, noreply, normal, ok, shutdown, sys } from "@espalier/actors";
import { counter } from "./counter.ts";
import { type Clause, failing, Gate, textOf } from "./stage.ts";

/** Chapter 12 of the semantics: sys and inspection. */
export const inspection: readonly Clause[] = [
  {
    says: "12.1 a system request is served behind what was sent before it",
    sees: ["0 continues after init", "1 hears a", "2 hears b", "state: 3", "3 hears c"],
    async play(stage) {
      const ref = counter(stage);
      for (const message of ["a", "b"]) stage.system.send(ref, message);
      const state = stage.settles("state", sys.getState(stage.system, ref));
      await state;
      stage.system.send(ref, "c");
      await stage.rest(1);
    },
  },
  {
    says: "12.2 a suspended actor handles nothing but system messages, and its mail waits in order",
    sees: [
      "one is suspended",
      "one is resumed",
      "one hears a",
      "one hears exit shutdown stranger",
      "one hears down killed",
      "one hears b",
    ],
    async play(stage) {
      const { system } = stage;
      const [one, stranger, watched] = [
        stage.puppet("one", { trapExit: true }),
        stage.puppet("stranger"),
        stage.puppet("watched"),
      ];
      await one.do((self) => void self.monitor(watched.ref));
      await sys.suspend(system, one.ref);
      one.hear("a");
      await stranger.do((self) => {
        self.exit(one.ref, shutdown("stranger"));
      });
      system.kill(watched.ref);
      await system.exited(watched.ref);
      one.hear("b");
      await stage.rest(5);
      stage.note(`one is ${(await sys.getStatus(system, one.ref)).status}`);
      stage.note("one is resumed");
      await sys.resume(system, one.ref);
      await stage.rest(1);
    },
  },
  {
    says: "12.2 a suspended actor ends with its parent, its clean-up included",
    sees: ["one cleans up shutdown", "one ends: shutdown"],
    async play(stage) {
      const one = stage.puppet("one", { trapExit: true });
      await sys.suspend(stage.system, one.ref);
      one.hear("unread");
      stage.system.exit(one.ref, shutdown());
      await stage.ends("one", one.ref);
    },
  },
  {
    says: "12.3 a suspended actor can be killed, and dies of signals that it does not trap",
    sees: ["one ends: killed", "other ends: shutdown"],
    async play(stage) {
      const { system } = stage;
      const [one, other] = [stage.puppet("one", { trapExit: true }), stage.puppet("other")];
      for (const { ref } of [one, other]) await sys.suspend(system, ref);
      const ends = stage.watch({ one, other });
      system.kill(one.ref);
      system.exit(other.ref, shutdown());
      await ends();
    },
  },
  {
    says: "12.3 an actor goes on when the last of those who have suspended it resumes it",
    sees: ["suspended", "suspended", "one hears a", "waiting"],
    async play(stage) {
      const { system } = stage;
      const one = stage.puppet("one");
      const [first, second] = [Symbol("first"), Symbol("second")];
      for (const by of [first, second, second]) await sys.suspend(system, one.ref, { by });
      one.hear("a");
      for (const by of [first, first, second]) {
        await sys.resume(system, one.ref, { by });
        await stage.rest(1);
        stage.note(String(stage.system.inspect(one.ref)?.status));
      }
    },
  },
  {
    says: "12.3 resume by nobody in particular ends every suspension",
    sees: ["suspended", "one hears a", "waiting"],
    async play(stage) {
      const { system } = stage;
      const one = stage.puppet("one");
      await sys.suspend(system, one.ref);
      for (const by of [Symbol("first"), Symbol("second")]) await sys.suspend(system, one.ref, { by });
      one.hear("a");
      stage.note(String(system.inspect(one.ref)?.status));
      await sys.resume(system, one.ref);
      await stage.rest(1);
      stage.note(String(system.inspect(one.ref)?.status));
    },
  },
  {
    says: "12.4 if the function for replaceState throws the state stays, and the caller is told",
    sees: ["0 continues after init", "replaced: 42", "replaced fails: no", "state: 42", "42 hears a"],
    async play(stage) {
      const { system } = stage;
      const ref = counter(stage);
      await stage.settles(
        "replaced",
        sys.replaceState(system, ref, (state) => Number(state) + 41),
      );
      await stage.settles("replaced", sys.replaceState(system, ref, failing("no")));
      await stage.settles("state", sys.getState(system, ref));
      system.send(ref, "a");
      await stage.rest(1);
    },
  },
  {
    says: "12.5 a change of code keeps state, mail and identity, and one that fails leaves the old code",
    sees: ["old 1", "change fails: no", "old 2", "new 2.5", "fails: ERR_CODE_CHANGE"],
    async play(stage) {
      const { system } = stage;
      const code = (name: string, codeChange: (state: unknown, extra: unknown) => number) =>
        defineServer<{ state: number; info: string }>({
          name: "changing",
          init: () => ok(1),
          handleInfo(_message, count) {
            stage.note(`${name} ${count}`);
            return noreply(count + 1);
          },
          codeChange,
        });
      const ref = stage.spawn("one", code("old", Number));
      const hear = (): void => system.send(ref, "hello");
      hear();
      await sys.suspend(system, ref);
      hear();
      const bad = code("bad", () => {
        throw new Error("no");
      });
      await stage.settles("change", sys.changeCode(system, ref, bad));
      await sys.resume(system, ref);
      await stage.rest(1);
      await sys.swapCode(
        system,
        ref,
        code("new", (state, extra) => Number(state) + Number(extra)),
        -0.5,
      );
      hear();
      await stage.rest(1);
      await sys.changeCode(system, ref, code("newer", Number));
    },
  },
  {
    says: "12.6 stopActor resolves when the actor is gone, and fails if it ended for another reason",
    sees: ["one hears a", "one cleans up normal", "stop: undefined", "two cleans up normal", "stop fails: killed"],
    async play(stage) {
      const { system } = stage;
      const one = stage.puppet("one");
      one.hear("a");
      await stage.settles("stop", sys.stopActor(system, one.ref));
      const gate = new Gate();
      const two = stage.puppet("two", { cleanUp: () => gate.opened });
      const stopped = stage.settles("stop", sys.stopActor(system, two.ref));
      await stage.rest(1);
      system.kill(two.ref);
      await stopped;
      gate.open();
    },
  },
  {
    says: "12.8 whoever is traced by sys shows what comes in, and counts it, until it is to stop",
    sees: [
      ...["a", "b", "c", "d"].map((text) => `one hears ${text}`),
      "log: c,d",
      "one hears e",
      "traced: a,b,c,d",
      "enough: true",
      "in: nothing",
    ],
    async play(stage) {
      const { system } = stage;
      const one = stage.puppet("one");
      const traced: sys.DebugEvent[] = [];
      const see = (event: sys.DebugEvent): void => void traced.push(event);
      await sys.countStatistics(system, one.ref, true);
      await sys.log(system, one.ref, 3);
      await sys.trace(system, one.ref, see);
      for (const message of ["a", "b", "c", "d"]) one.hear(message);
      stage.note(`log: ${texts(await sys.getLog(system, one.ref))}`);
      await sys.untrace(system, one.ref, see);
      one.hear("e");
      const { messagesIn = 0 } = (await sys.getStatistics(system, one.ref)) ?? {};
      stage.note(`traced: ${texts(traced)}`);
      stage.note(`enough: ${messagesIn >= 5}`);
      await sys.countStatistics(system, one.ref, false);
      stage.note(`in: ${(await sys.getStatistics(system, one.ref)) === undefined ? "nothing" : "something"}`);
    },
  },

  {
    says: "12.7 inspect shows each actor as it is, until it is dead",
    sees: ["one: waiting, traps, linked, 0 messages", "one: suspended, traps, linked, 2 messages", "nothing"],
    async play(stage) {
      const { system } = stage;
      const [one, other] = [stage.puppet("one", { trapExit: true }), stage.puppet("other")];
      await one.do((self) => self.link(other.ref));
      const look = (): void => {
        const info = system.inspect(one.ref);
        if (info === undefined) return stage.note("nothing");
        const { status, trapExit, links, mailboxLength } = info;
        const isLinked = links.includes(other.ref);
        stage.note(
          `one: ${status}, ${trapExit ? "traps" : "dies"}, ${isLinked ? "linked" : "alone"}, ${mailboxLength} messages`,
        );
      };
      look();
      await sys.suspend(system, one.ref);
      for (const message of ["a", "b"]) one.hear(message);
      look();
      system.kill(one.ref);
      await system.exited(one.ref);
      look();
    },
  },
  {
    says: "12.8 a tracer that throws is taken off and harms nobody",
    sees: ["one hears a", "thrown: 1"],
    async play(stage) {
      const { system } = stage;
      const one = stage.puppet("one");
      let thrown = 0;
      await sys.trace(system, one.ref, () => {
        thrown += 1;
        throw new Error("a bad tracer");
      });
      one.hear("a");
      await stage.rest(1);
      stage.note(`thrown: ${thrown}`);
    },
  },
  {
    says: "12.9 every abnormal end by an actor's own doing is one crash report, and no other end is",
    sees: [
      "crash of broken: error broken",
      "broken cleans up error broken",
      "crash of exiting: noproc",
      "exiting cleans up noproc",
      "normal cleans up normal",
      "over",
    ],
    async play(stage) {
      stage.noteReports();
      const { system } = stage;
      const roles = ["broken", "exiting", "killed", "told", "normal"].map((role) => stage.puppet(role));
      const [broken, exiting, dead, told, fine] = roles;
      broken?.tell(failing("broken"));
      exiting?.tell((self) => self.exit(noproc));
      if (dead !== undefined) system.kill(dead.ref);
      if (told !== undefined) system.exit(told.ref, failure(new Error("told")));
      fine?.tell((self) => self.exit(normal));
      await stage.rest(1);
      stage.note("over");
    },
  },
  {
    says: "12.10 inspection shows a server's state as it is formatted, also by one that fails",
    sees: ["state: secret of 1", "threw: true", "hears a"],
    async play(stage) {
      const { system } = stage;
      const server = (formatStatus: (state: number) => unknown) =>
        defineServer<{ state: number; info: string }>({
          name: "formatted",
          init: () => ok(1),
          formatStatus,
          handleInfo(message, count) {
            stage.note(`hears ${textOf(message)}`);
            return noreply(count);
          },
        });
      await stage.settles(
        "state",
        sys.getState(
          system,
          stage.spawn(
            "one",
            server((count) => `secret of ${count}`),
          ),
        ),
      );
      const two = stage.spawn("two", server(failing("ugly")));
      stage.note(`threw: ${String(await sys.getState(system, two)).includes("threw")}`);
      system.send(two, "a");
      await stage.rest(1);
    },
  },
];

/** The texts among what was shown. */
function texts(events: readonly sys.DebugEvent[]): string {
  return events.flatMap(({ message }) => (typeof message === "string" ? [message] : [])).join(",");
}
