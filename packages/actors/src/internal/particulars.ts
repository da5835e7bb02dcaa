import type { SpawnOptions } from "../context.ts";
import type { Logger } from "../logger.ts";
import type { Debug } from "./debug.ts";
import { MailboxBound } from "./mailbox-bound.ts";

/** What few actors have; the others do without the object. */
export class Particulars {
  name: string | undefined = undefined;
  incarnation = 1;
  bound: MailboxBound | null = null;
  debug: Debug | null = null;
  logger: Logger | null = null;
  /** Who has suspended it; undefined stands for all who have not said who they are. */
  suspenders: ReadonlySet<symbol | undefined> | null = null;
  /** How many actors this one has started, for their paths. */
  spawned = 0;

  /** Those that are given with the spawn. */
  static of({ incarnation = 1, mailbox, logger }: SpawnOptions): Particulars | null {
    if (incarnation === 1 && mailbox === undefined && logger === undefined) return null;
    const particulars = new Particulars();
    particulars.incarnation = incarnation;
    if (logger !== undefined) particulars.logger = logger;
    if (mailbox !== undefined) particulars.bound = new MailboxBound(mailbox);
    return particulars;
  }
}
