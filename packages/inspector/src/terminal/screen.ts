import { fitLine, type Line, span } from "./line.ts";
import { bodyRows, type Model, type Prompt, VIEWS } from "./model.ts";
import { fit, printable } from "./text.ts";
import { count, timeOfDay } from "./units.ts";
import { helpLines } from "./views/help.ts";
import { listenerLines } from "./views/listeners.ts";
import { logLines } from "./views/log.ts";
import { overviewLines } from "./views/overview.ts";
import { detailLines } from "./views/process.ts";
import { processLines } from "./views/processes.ts";
import { treeLines } from "./views/tree.ts";

/** The whole screen: as many rows as there are, each as wide as it is, whatever the facts. */
export function screenLines(model: Model): readonly Line[] {
  const { columns, rows } = model.size;
  const height = bodyRows(model.size);
  const body = bodyLines(model, columns, height).slice(0, height);
  const space = Array.from({ length: height - body.length }, (): Line => []);
  // A single row is for what is asked.
  const lines = rows < 2 ? [footer(model)] : [title(model), ...body, ...space, footer(model)];
  return lines.slice(0, rows).map((line) => fitLine(line, columns, line === lines[0] && rows > 1 ? "bar" : "plain"));
}

function bodyLines(model: Model, width: number, height: number): readonly Line[] {
  if (model.isHelp) return helpLines(height);
  if (model.detail !== undefined) return detailLines(model, model.detail, height);
  switch (model.view) {
    case "overview":
      return overviewLines(model, width, height);
    case "processes":
      return processLines(model, width, height);
    case "tree":
      return treeLines(model, width, height);
    case "listeners":
      return listenerLines(model, width, height);
    case "log":
      return logLines(model, width, height);
  }
}

function title({ facts: { overview }, view, isPaused, trouble, size }: Model): Line {
  const when = overview === undefined ? "" : `${timeOfDay(overview.wallClock)} UTC `;
  const state = trouble !== undefined ? "OLD " : isPaused ? "PAUSED " : "";
  const tabs = VIEWS.map((name, index) => (name === view ? `[${index + 1} ${name}]` : ` ${index + 1} ${name} `)).join(
    "",
  );
  const right = size.columns < 60 ? state : state + when;
  const left = ` ${printable(overview?.system ?? "espalier")} ${size.columns < 60 ? `[${view}]` : tabs}`;
  return [span(fit(left, Math.max(0, size.columns - right.length)), "bar"), span(right, "bar")];
}

function footer({ prompt, notice, trouble, filter, view, detail, isHelp }: Model): Line {
  if (prompt !== undefined) return promptLine(prompt, filter);
  if (notice !== undefined) return [span(` ${notice.text}`, notice.style)];
  if (trouble !== undefined) return [span(` ${trouble}`, "bad")];
  if (isHelp) return [span(" any key: back", "dim")];
  const own = detail === undefined ? VIEW_KEYS[view] : "Esc Back  k Kill  s Suspend  u Resume  c Children  1-5 Views";
  return [span(` q Quit  ? Help  ${own}`, "dim")];
}

/** With what stands before them, they fit into 80 columns. */
const VIEW_KEYS: Readonly<Record<(typeof VIEWS)[number], string>> = {
  overview: "Z Pause  1-5 Views",
  processes: "/ Filter  < > Sort  k Kill  s Suspend  u Resume  Enter Look",
  tree: "/ Filter  - + Fold  k Kill  s Suspend  u Resume  Enter Look",
  listeners: "/ Filter  s Suspend  u Resume  d Drain  Enter Connections",
  log: "/ Filter  Enter Look  1-5 Views",
};

function promptLine(prompt: Prompt, filter: string): Line {
  switch (prompt.type) {
    case "filter":
      return [span(" Filter: ", "bold"), span(filter), span(" ", "selected")];
    case "kill":
      return [span(` Kill ${prompt.pid}? y/n `, "bad"), span(prompt.path)];
    case "drain": {
      const connections = `${count(prompt.connections)} connection${prompt.connections === 1 ? "" : "s"}`;
      return [span(` Drain, and end ${connections}? y/n `, "bad"), span(prompt.listener)];
    }
  }
}
