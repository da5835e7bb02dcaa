/** Of all targets, for those who must not load what is to be changed. */
export const TARGET_NAMES = [
  "echo",
  "proxied",
  "tree",
  "pooled",
  "drained",
  "callbacks",
  "passive",
  "slow",
  "decoding",
  "trees",
  "reconnecting",
  "secured",
  "starting",
  "closing",
  "reopened",
  "restarted",
] as const;
