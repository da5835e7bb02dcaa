import type { PostListenHook } from "./post-listen.ts";
import { flag, hook, integer, type Settings, setting } from "./setting.ts";

/** How a listener listens. */
export interface ListenOptions {
  /**
   * How many acceptors take connections from the listening socket, from 1 to 1024.
   *
   * @defaultValue 16, as eSockd.
   */
  readonly acceptors?: number;

  /**
   * Shares the port with every listening socket that does so too, of this process or of others, as long as they belong to
   * one user: the system gives each connection to one of them (SO_REUSEPORT). It needs Node 22.12, or 23.1 and later, and
   * Linux, FreeBSD, Solaris or AIX; elsewhere, and for a unix socket, it is refused. A change counts from the next
   * `resume` on.
   *
   * @defaultValue false
   */
  readonly reusePort?: boolean;

  /**
   * How many listening sockets share the address, from 1 to the number of `acceptors`; more than one need `reusePort`.
   * They are one door: the loss of any of them is the loss of all. A change counts from the next `resume` on. Ranch's
   * `num_listen_sockets`.
   *
   * @defaultValue 1, as Ranch.
   */
  readonly listenSockets?: number;

  /**
   * Called whenever the address is bound, before the first connection is accepted: when the listener is opened, resumed,
   * and started anew. What it returns, other than undefined, is `listenData` in the `config` of each connection that is
   * started from then on. If it throws or returns an error, nothing listens: `open` and `resume` fail as
   * `ERR_POST_LISTEN`, and a listener that is started anew tries again, as when it cannot bind. It runs in the listener's
   * actor and must not take long; a promise is refused. Ranch's `post_listen_callback`, sockerl's `listen_init`.
   *
   * @defaultValue false: nobody is called.
   */
  readonly postListen?: PostListenHook | false;

  /**
   * How many connections the kernel keeps ready for accepting, from 1 to 65535; it may have a lower limit of its own.
   *
   * @defaultValue 1024, as Ranch.
   */
  readonly backlog?: number;

  /**
   * Opens the listener without listening: `listener.resume()` begins.
   *
   * @defaultValue false
   */
  readonly paused?: boolean;
}

export const listenSettings: Settings<ListenOptions> = {
  acceptors: setting(integer(1, 1024), "an integer from 1 to 1024", 16),
  reusePort: flag(false),
  listenSockets: setting(integer(1, 1024), "an integer from 1 to 1024", 1),
  postListen: hook<PostListenHook>(),
  backlog: setting(integer(1, 65_535), "an integer from 1 to 65535", 1024),
  paused: flag(false),
};
