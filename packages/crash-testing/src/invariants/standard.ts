import type { Invariant } from "../invariant.ts";
import { buffersAreBounded } from "./backpressure.ts";
import { callsEndOnce } from "./calls.ts";
import { supervisorsLeaveNobody } from "./cleanup.ts";
import { clientsHaveOne } from "./clients.ts";
import { connectionsAreCounted } from "./connection-count.ts";
import { linksTellOnce } from "./links.ts";
import { statsAreTrue } from "./listener-stats.ts";
import { clientsGet, type Model } from "./model.ts";
import { monitorsTellOnce } from "./monitors.ts";
import { namesAreLive } from "./names.ts";
import { noOrphans } from "./no-orphans.ts";
import { pairsKeepOrder } from "./order.ts";
import { socketsAreOwned } from "./owners.ts";
import { probeIsServed } from "./probe-served.ts";
import { timersAreInTime } from "./punctuality.ts";
import { nothingIsLeft } from "./residue.ts";
import { restartsAreBounded } from "./restart-intensity.ts";
import { deadAreSilent } from "./silence.ts";
import { supervisorsKeepSpecs } from "./supervision.ts";
import { timersObey } from "./timers.ts";
import { tlsStaysTls } from "./tls.ts";

export interface StandardOptions {
  /** What each client has to receive. @defaultValue nobody looks at that */
  readonly model?: Model;
}

/** What must be so for every server. */
export function standard({ model }: StandardOptions = {}): Invariant[] {
  return [
    noOrphans(),
    monitorsTellOnce(),
    linksTellOnce(),
    connectionsAreCounted(),
    restartsAreBounded(),
    deadAreSilent(),
    pairsKeepOrder(),
    probeIsServed(),
    socketsAreOwned(),
    nothingIsLeft(),
    namesAreLive(),
    supervisorsKeepSpecs(),
    buffersAreBounded(),
    ...(model === undefined ? [] : [clientsGet(model)]),
    timersObey(),
    statsAreTrue(),
    callsEndOnce(),
    tlsStaysTls(),
    clientsHaveOne(),
    timersAreInTime(),
    supervisorsLeaveNobody(),
  ];
}
