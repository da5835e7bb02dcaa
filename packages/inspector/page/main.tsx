import { type JSX, render } from "preact";
import { ChartsView } from "./charts-view.tsx";
import { ConnectionsView } from "./connections-view.tsx";
import { ListenersView } from "./listeners-view.tsx";
import { LogView } from "./log-view.tsx";
import { ProcessView } from "./process-view.tsx";
import { route } from "./route.ts";
import { Shell } from "./shell.tsx";
import { TreeView } from "./tree-view.tsx";

function Page(): JSX.Element {
  const { view, about } = route.value;
  switch (view) {
    case "tree":
      return <TreeView selected={about} />;
    case "connections":
      return <ConnectionsView about={about} />;
    case "process":
      return <ProcessView key={about} id={about} />;
    case "listeners":
      return <ListenersView />;
    case "charts":
      return <ChartsView />;
    case "log":
      return <LogView />;
  }
}

const app = document.querySelector("#app");
if (app !== null) {
  render(
    <Shell>
      <Page />
    </Shell>,
    app,
  );
}
