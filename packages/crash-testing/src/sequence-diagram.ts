import type { Repeated } from "./collapse.ts";
import type { ShortNames } from "./short-names.ts";
import type { Line } from "./timeline.ts";

/** Lines of a timeline as a sequence diagram of Mermaid, in lines, with the failure as its last note. */
export function sequenceDiagram(lines: readonly Repeated[], names: ShortNames, failure: string): string[] {
  const ids = new Map<string, string>();
  const idOf = (who: string): string => {
    const id = ids.get(who) ?? `a${ids.size + 1}`;
    ids.set(who, id);
    return id;
  };
  const arrows = lines.map(([line, ...again]) => {
    const times = again.length === 0 ? "" : ` (×${again.length + 1})`;
    return `${arrowOf(line, idOf, names)}${times}`;
  });
  const [first = idOf("the run")] = ids.values();
  const last = [...ids.values()].at(-1) ?? first;
  const span = first === last ? first : `${first},${last}`;
  return [
    "sequenceDiagram",
    ...[...ids].map(([who, id]) => `  participant ${id} as ${plain(names.of(who))}`),
    ...arrows.map((arrow) => `  ${arrow}`),
    `  Note over ${span}: ✗ ${plain(failure)}`,
  ];
}

function arrowOf({ verb, who, other, text }: Line, idOf: (who: string) => string, names: ShortNames): string {
  const said = plain(names.in(text));
  const own = idOf(who);
  switch (verb) {
    case "signal":
      return other === undefined || other === who
        ? `Note over ${own}: gets ${said}`
        : `${idOf(other)}->>${own}: ${said}`;
    case "exit":
      return other === undefined ? `Note over ${own}: exit ${said}` : `${own}--x${idOf(other)}: exit ${said}`;
    case "spawn":
      return other === undefined ? `Note over ${own}: is started` : `${idOf(other)}->>${own}: starts`;
    case "dead":
      return `Note over ${own}: ☠ ${said}`;
    case "inject":
      return `Note over ${own}: ⚡ ${said}`;
    case "client":
      if (other === undefined || !/^(?:sends|receives|hears|closes|ends|resets)/.test(text)) break;
      return /^(?:receives|hears)/.test(text) ? `${idOf(other)}->>${own}: ${said}` : `${own}->>${idOf(other)}: ${said}`;
    case "failed":
    case "state":
    case "timer":
    case "socket":
      break;
  }
  return `Note over ${own}: ${said}`;
}

/** Without what means something to Mermaid. */
function plain(text: string): string {
  return text.replaceAll("#", "/").replaceAll(/[;\n]/g, ",").replaceAll(":", " ").replaceAll(/\s+/g, " ").slice(0, 80);
}
