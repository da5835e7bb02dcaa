import type { ApiError } from "@espalier/inspector";
import { type Ask, RemoteError } from "../../src/terminal/client.ts";
import type { InspectedWorld } from "./world.ts";

/** The API of the inspector itself, without HTTP. */
export function askOf(world: InspectedWorld): Ask {
  return async <Answer>(question: string, parameters: Readonly<Record<string, string | number>> = {}) => {
    const query = Object.entries(parameters).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
    const { status, body } = await world.ask(`${question}?${query.join("&")}`);
    if (status !== 200) throw new RemoteError("refused", (body as ApiError).error.code);
    return body as Answer;
  };
}
