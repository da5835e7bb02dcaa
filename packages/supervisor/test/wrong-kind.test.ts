import {
  child,
  defineDynamicSupervisor,
  defineSupervisor,
  startChild,
  type SupervisorCalls,
} from "@espalier/supervisor";
import { describe, expect, test } from "vitest";
import { steady } from "./support/actors.ts";
import { worker } from "./support/tree.ts";
import { createWorld } from "./support/world.ts";

describe("a request for the other kind of supervisor, made by name", () => {
  test("is answered by a dynamic supervisor with what to do instead", async () => {
    const { system } = createWorld();
    const pool = defineDynamicSupervisor<undefined>({ child: { start: () => child(steady) } });
    system.spawn(pool, undefined, { name: "pool" });
    await expect(startChild(system, "pool", worker("a", steady))).resolves.toMatchObject({
      ok: false,
      error: "badSpec",
      problem: { message: "this is a dynamic supervisor: startDynamicChild starts a child of its template" },
    });
  });

  test("is answered by a static supervisor too", async () => {
    const { system } = createWorld();
    system.spawn(defineSupervisor({ children: [] }), undefined, { name: "sup" });
    // By name there is no type to refuse it.
    const request = { type: "startDynamic" } as unknown as { type: "whichChildren" };
    const answer: unknown = await system.call<SupervisorCalls, { type: "whichChildren" }>("sup", request);
    expect(answer).toMatchObject({
      ok: false,
      error: "badSpec",
      problem: { message: "startDynamicChild is for dynamic supervisors; this one has static children" },
    });
  });
});
