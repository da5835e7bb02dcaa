import { type JSX, render } from "preact";
import { ChartsView } from "./charts-view.tsx";
import { ConnectionsView } from "./connections-view.tsx";
import { ListenersView } from "./listeners-view.tsx";
import { LogView } from "./log-view.tsx";
import { ProcessView } from "./process-view.tsx";
import { route } from "./route.ts";
import { Shell } from "./shell.tsx";
import { places } from "./store.ts";
import { TreeView } from "./tree-view.tsx";

function Page(): JSX.Element {
  const { view, about } = route.value;
  switch (view) {
    case "tree":
      return <TreeView selected={about} />;
    case "connections":
      return <ConnectionsView about={about} />;
    case "process":
      return <Process named={about} />;
    case "listeners":
      return <ListenersView />;
    case "charts":
      return <ChartsView />;
    case "log":
      return <LogView />;
  }
}

/** Named by its id, or by its path: then it is whoever stands there. */
function Process({ named }: { readonly named: string }): JSX.Element {
  const id = places.value.get(named)?.node.id ?? named;
  return <ProcessView key={id} id={id} />;
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
