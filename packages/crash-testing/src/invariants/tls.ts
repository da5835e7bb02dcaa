import type { Invariant } from "../invariant.ts";

const ID = "I20-tls";

/** A client that speaks TLS is answered in TLS: nothing goes out in plain to it, at no time. */
export function tlsStaysTls(): Invariant {
  return {
    id: ID,
    says: "a client that speaks TLS receives nothing in plain once it has begun with that",
    watch: (run) => ({
      after() {
        for (const { isMisled, name } of run.peers) {
          if (isMisled) run.violate(ID, `${name} speaks TLS, and is answered in plain`);
        }
      },
    }),
  };
}
