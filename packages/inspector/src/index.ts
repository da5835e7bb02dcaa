export { inspector, type Inspector, type ListeningInspector, type ListenOptions } from "./inspector.ts";
export { type InspectorOptions, type ListenerSource } from "./options.ts";
export { type Readings } from "./readings.ts";
export { type PageQuery } from "./children-page.ts";

// What the API answers
export type * from "./api-types.ts";

// Errors
export {
  InspectorClosedError,
  InspectorError,
  InspectorListenError,
  InvalidOptionError,
  type OptionIssue,
} from "./errors.ts";
