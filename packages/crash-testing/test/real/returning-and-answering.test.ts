import { expect, test } from "vitest";
import { clientsGet } from "../../src/invariants/model.ts";
import type { PeerScript } from "../../src/peer-script.ts";
import type { Plan } from "../../src/plan.ts";
import { replayOnSockets } from "../../src/real/replay-on-sockets.ts";
import { LOGIN, loginTarget, nobodyCrashes, sessionTarget, welcome } from "../support/session-targets.ts";
import { script } from "../support/targets.ts";

/** Real sockets of a machine that has other things to do. */
const PATIENCE_MS = 60_000;

function planOf(...peers: readonly PeerScript[]): Plan {
  return { peers, operations: [], deviations: [] };
}

test(
  "a session that is left to nobody is met on sockets by a client that comes back, and others do not hold it up",
  async () => {
    const plan = planOf({ ...script(5, "10.0.0.2", "ann\n"), after: "10.0.0.1" }, script(0, "10.0.0.1", "ann\n"), {
      ...script(0, "10.0.0.3"),
      after: "10.0.0.3",
    });
    // Its client looks on for longer, so that it is put out while the work goes on.
    const options = { invariants: [clientsGet(welcome)], restMs: 4000 };
    const faulty = await replayOnSockets(sessionTarget({ watches: false, idleTimeoutMs: 1500 }), plan, options);
    expect(faulty.failure).toMatchObject({ invariant: "I15-model", message: expect.stringContaining("10.0.0.2#1") });
    const { failure, peers } = await replayOnSockets(
      sessionTarget({ watches: true, idleTimeoutMs: 1500 }),
      plan,
      options,
    );
    expect(failure).toBeUndefined();
    const [second, first, never] = peers;
    expect(second?.connectedAt ?? 0).toBeGreaterThanOrEqual((first?.closedAt ?? Infinity) + 4);
    expect(never?.connectedAt).toBeUndefined();
  },
  PATIENCE_MS,
);

test.each([false, true])(
  "a crash behind a login with a nonce is there on sockets as well, with TLS: %s",
  async (isSecure) => {
    const plan = planOf({ ...script(0, "10.0.0.1", LOGIN, "quit\n", { type: "end" }), tls: isSecure });
    const invariants = [nobodyCrashes];
    const { failure } = await replayOnSockets(loginTarget({ isRight: false, isSecure }), plan, { invariants });
    expect(failure).toMatchObject({ invariant: "own-crash" });
    const right = await replayOnSockets(loginTarget({ isRight: true, isSecure }), plan, { invariants });
    expect(right.failure).toBeUndefined();
    expect(Buffer.from(right.peers[0]?.received ?? []).toString()).toMatch(/^nonce (\d+)\nlogin \1\nquit\n$/u);
  },
  PATIENCE_MS,
);
