export { type MemoryTransport, memoryTransport, type MemoryTransportOptions } from "./memory-transport.ts";
