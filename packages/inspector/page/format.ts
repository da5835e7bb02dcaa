const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { maximumFractionDigits: 1, notation: "compact" });
const clock = new Intl.DateTimeFormat("en", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hour12: false,
});

export function formatCount(count: number): string {
  return whole.format(count);
}

/** Three digits or so, for places where the size matters and not the number. */
export function formatShort(number: number): string {
  if (number < 10 && number % 1 !== 0) return number.toFixed(1);
  return (number < 10_000 ? whole : short).format(number);
}

export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${Math.round(bytes)} B`;
  const units = ["kB", "MB", "GB", "TB", "PB"];
  const power = Math.min(units.length, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toPrecision(3)} ${units[power - 1] ?? ""}`;
}

/** From milliseconds. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

export function formatTime(wallClock: number): string {
  return clock.format(wallClock);
}

/** `oneForOne` as OTP has it. */
export function formatStrategy(strategy: string): string {
  return strategy.replaceAll(/[A-Z]/gu, (letter) => `_${letter.toLowerCase()}`);
}
