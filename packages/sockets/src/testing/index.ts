export { type MemoryDatagrams, memoryDatagrams, type MemoryDatagramsOptions } from "./memory-datagrams.ts";
export { type MemoryTransport, memoryTransport, type MemoryTransportOptions } from "./memory-transport.ts";
export {
  type AcceptFault,
  type Break,
  type ConnectFault,
  type Defer,
  type EndWeather,
  type ListenWeather,
  type Weather,
} from "./weather.ts";
