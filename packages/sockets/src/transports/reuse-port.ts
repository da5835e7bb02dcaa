/** The first version of each line of Node that has `reusePort`; lines between and before have none, later ones all do. */
const FIRST_IN_22 = 12;
const FIRST_IN_23 = 1;

/** Where libuv distributes connections among sockets that share a port. Elsewhere it refuses to bind. */
const PLATFORMS: ReadonlySet<string> = new Set(["aix", "freebsd", "linux", "sunos"]);

/** What {@link canReusePort} asks for, in words. */
export const REUSE_PORT_NEEDS = "Node 22.12, or 23.1 and later, on Linux, FreeBSD, Solaris or AIX";

/**
 * Whether this Node takes `reusePort`. One that does not ignores it without a word, so nothing but its version tells.
 *
 * @param version - as in `process.versions.node`
 */
export function canReusePort(version: string, platform: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (!PLATFORMS.has(platform) || major < 22) return false;
  if (major === 22) return minor >= FIRST_IN_22;
  return major > 23 || minor >= FIRST_IN_23;
}
