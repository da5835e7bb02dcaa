/** A number in at most five columns: `9999`, `12.3k`, `456k`, `7.8M`. */
export function count(value: number): string {
  if (!Number.isFinite(value)) return "-";
  if (value < 9999.5) return String(Math.round(value));
  return scaled(value, 1000, ["", "k", "M", "G", "T", "P", "E"]).join("");
}

/** What happens in a second: as a number, with a decimal while it is small. */
export function rate(value: number): string {
  return value > 0 && value < 9.95 ? value.toFixed(1) : count(value);
}

/** Bytes in at most eight columns; the units stand below each other, since each takes three. */
export function bytes(value: number): string {
  if (!Number.isFinite(value)) return "-";
  const [number, unit] = scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]);
  return `${number} ${unit.padEnd(3)}`;
}

function scaled(value: number, base: number, units: readonly string[]): readonly [number: string, unit: string] {
  let number = value;
  let power = 0;
  // What would be rounded to the base belongs to the next unit.
  while (number >= base - 0.5 && power < units.length - 1) {
    number /= base;
    power += 1;
  }
  const digits = power > 0 && number < 99.95 ? number.toFixed(1) : String(Math.round(number));
  return [digits, units[power] ?? ""];
}

/** How long: its two largest parts, such as `12s`, `3m 04s`, `2h 05m`, `4d 03h`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (seconds < 60) return `${seconds}s`;
  if (minutes < 60) return `${minutes}m ${twoDigits(seconds % 60)}s`;
  if (hours < 24) return `${hours}h ${twoDigits(minutes % 60)}m`;
  return `${Math.floor(hours / 24)}d ${twoDigits(hours % 24)}h`;
}

const DAY_MS = 86_400_000;

/** The time of day in UTC, such as `23:59:59`. */
export function timeOfDay(wallClock: number): string {
  const ms = ((wallClock % DAY_MS) + DAY_MS) % DAY_MS;
  const seconds = Math.floor(ms / 1000);
  return [seconds / 3600, (seconds / 60) % 60, seconds % 60].map((part) => twoDigits(Math.floor(part))).join(":");
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}

const BARS = "▁▂▃▄▅▆▇█";

/** The last values as a row of bars; the largest is the highest, and nothing is the lowest. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = width > 0 ? values.slice(-width) : [];
  const top = Math.max(...shown, 0);
  return shown.map((value) => BARS[top > 0 ? Math.round((value / top) * (BARS.length - 1)) : 0] ?? " ").join("");
}
