/** Milliseconds, or in words: `"100ms"`, `"5s"`, `"2min"`. */
export type Duration = number | `${number}ms` | `${number}s` | `${number}min`;

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000 };

/** @throws TypeError for what is no duration */
export function toMs(duration: Duration): number {
  const [, number, unit = ""] = /^([\d.]+)(ms|s|min)$/.exec(String(duration)) ?? [];
  const ms = typeof duration === "number" ? duration : Number(number) * (UNITS[unit] ?? Number.NaN);
  if (!Number.isFinite(ms) || ms < 0) throw new TypeError(`"${duration}" is no duration such as 100, "100ms" or "5s"`);
  return ms;
}
