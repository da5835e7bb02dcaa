/*
 * The answers of the API, for those who ask: the page, the terminal, scripts. Types only: a client imports them and
 * nothing of the server.
 *
 * All paths begin with `/api/v1`. Questions are asked by GET, commands are given by POST with a JSON body. Times are
 * milliseconds: `at` of the system's monotonic clock, `wallClock` since the epoch. Byte counts are bytes. What is absent
 * in JSON is undefined here.
 */

export type * from "./api-types/process-id.ts";
export type * from "./api-types/api-error.ts";
export type * from "./api-types/overview.ts";
export type * from "./api-types/tree.ts";
export type * from "./api-types/supervisor.ts";
export type * from "./api-types/children.ts";
export type * from "./api-types/heat-map.ts";
export type * from "./api-types/process.ts";
export type * from "./api-types/statechart.ts";
export type * from "./api-types/listeners.ts";
export type * from "./api-types/rates.ts";
export type * from "./api-types/log.ts";
export type * from "./api-types/trace.ts";
export type * from "./api-types/events.ts";
export type * from "./api-types/commands.ts";
