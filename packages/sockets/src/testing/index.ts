export { type MemoryDatagrams, memoryDatagrams, type MemoryDatagramsOptions } from "./memory-datagrams.ts";
export { type MemoryTransport, memoryTransport, type MemoryTransportOptions } from "./memory-transport.ts";
