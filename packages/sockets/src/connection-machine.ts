import type { InfoEvent, ReplyOf } from "@espalier/actors";
import {
  type ActionFunction,
  type AnyActorRef,
  type Cast,
  type DelayConfig,
  type EventObject,
  type GuardPredicate,
  type MachineConfig,
  type MetaObject,
  type NonReducibleUnknown,
  setup,
  type SetupReturn,
  type StateMachine,
  type StateSchema,
  type ToStateValue,
  type UnknownActorLogic,
} from "xstate";
import type { Connection } from "./connection.ts";
import type { Activity } from "./intake.ts";
import type { CallEvent, ConnectionEvent, ConnectionInput } from "./connection-event.ts";
import type { CheckedConfig } from "./machine-config.ts";
import type { ConnectionOptions } from "./options.ts";
import type { TlsMaterial } from "./start-tls.ts";

/** What one's own machine has beside what each connection has. All may be left out. */
export interface ConnectionTypes {
  /** What the machine keeps beside its `connection`. */
  readonly context?: object;
  /** The events that other actors send to it: a union of objects with a `type`. */
  readonly events?: EventObject;
  /** The requests that it answers, and their answers: a union of `Call`. */
  readonly calls?: { readonly type: string };
}

// Without `exactOptionalPropertyTypes` what may be left out may be undefined, too.
type Given<Types extends ConnectionTypes, Key extends keyof ConnectionTypes, Default> =
  Types extends Record<Key, infer Value extends NonNullable<ConnectionTypes[Key]>> ? Value : Default;

type CallsOf<Types extends ConnectionTypes> = Given<Types, "calls", never>;

/** The context of a connection's machine. */
export type ConnectionContext<Types extends ConnectionTypes = object> = { readonly connection: Connection } & Given<
  Types,
  "context",
  unknown
>;

/** The events of a connection's machine: the connection's, messages and calls of other actors, and its own. */
export type ConnectionMachineEvent<Types extends ConnectionTypes = object> =
  | ConnectionEvent
  | InfoEvent
  | CallEvent<CallsOf<Types>>
  | Given<Types, "events", never>;

/** The actions that each connection's machine has by name, with their params; those that may be undefined can be left out. */
// A type, since XState asks for an index signature, which interfaces have not.
export type ConnectionActions<Types extends ConnectionTypes = object> = {
  /** Sends one packet: {@link Connection.send}. */
  readonly send: Uint8Array | string;
  /** Lets packets in: {@link Connection.activate}. @defaultValue `"once"` */
  readonly activate: Activity | undefined;
  /** Ends the connection when everything sent is on its way: {@link Connection.close}. */
  readonly close: undefined;
  /** Ends the connection at once: {@link Connection.abort}. */
  readonly abort: undefined;
  /** Answers the call that is being handled. A `TypeError` where the event is no call. */
  readonly reply: ReplyOf<CallsOf<Types>, CallsOf<Types>>;
  /** Changes options of this connection: {@link Connection.setOptions}. */
  readonly setOptions: ConnectionOptions;
  /** Has TLS from here on, and `secured` comes: {@link Connection.startTls}. @defaultValue `tls` of the listener */
  readonly startTls: TlsMaterial | undefined;
};

/** By name, what the actions or guards of a machine are given as `params`. */
type ParamsByName = Readonly<Record<string, NonReducibleUnknown>>;

/** The actors that a machine may `invoke` or spawn, by name. */
type ActorsByName = Readonly<Record<string, UnknownActorLogic>>;

/** Nothing by name. */
type None = { readonly [Name in never]: never };

/** As XState wants it: a union of `{ type, params }`. */
type Named<Params extends ParamsByName> = {
  readonly [Name in keyof Params & string]: { type: Name; params: Params[Name] };
}[keyof Params & string];

/** As XState wants it: a union of `{ src, logic }`. */
type NamedActors<Actors extends ActorsByName> = {
  readonly [Name in keyof Actors & string]: { src: Name; logic: Actors[Name]; id: string | undefined };
}[keyof Actors & string];

/**
 * What `extend` adds: the machine's own actions, guards, delays and actors, by name. An action that spawns such an actor by
 * its name, or enqueues and checks such an action or guard by `enqueueActions`, is added after it, by another `extend`.
 */
export interface ConnectionExtension<
  Types extends ConnectionTypes,
  Actions extends ParamsByName,
  Guards extends ParamsByName,
  Delay extends string,
  Actors extends ActorsByName,
  OwnActions extends ParamsByName,
  OwnGuards extends ParamsByName,
  OwnDelay extends string,
  OwnActors extends ActorsByName,
> {
  /** What the machine may `invoke`. */
  readonly actors?: { readonly [Name in keyof OwnActors]: OwnActors[Name] };
  readonly actions?: {
    readonly [Name in keyof OwnActions]: ActionFunction<
      ConnectionContext<Types>,
      ConnectionMachineEvent<Types>,
      ConnectionMachineEvent<Types>,
      OwnActions[Name],
      NamedActors<Actors>,
      Named<Actions>,
      Named<Guards>,
      Delay | OwnDelay,
      EventObject
    >;
  };
  readonly guards?: {
    readonly [Name in keyof OwnGuards]: GuardPredicate<
      ConnectionContext<Types>,
      ConnectionMachineEvent<Types>,
      OwnGuards[Name],
      Named<Guards & OwnGuards>
    >;
  };
  /** Milliseconds, or a function that answers them. */
  readonly delays?: {
    readonly [Name in OwnDelay]: DelayConfig<
      ConnectionContext<Types>,
      ConnectionMachineEvent<Types>,
      Named<Actions & OwnActions>["params"],
      ConnectionMachineEvent<Types>
    >;
  };
}

type XStateSetup<
  Types extends ConnectionTypes,
  Actions extends ParamsByName,
  Guards extends ParamsByName,
  Delay extends string,
  Actors extends ActorsByName,
> = SetupReturn<
  ConnectionContext<Types>,
  ConnectionMachineEvent<Types>,
  Actors,
  None,
  Actions,
  Guards,
  Delay,
  string,
  ConnectionInput,
  NonReducibleUnknown,
  EventObject,
  MetaObject
>;

/**
 * What XState's `setup` answers, for the types of a connection. `createMachine` refuses what XState does not look at
 * before it runs: an unknown state in `initial` and `target`, an unknown event in `on`, an unknown delay in `after`, and
 * properties that states and transitions do not have.
 */
export interface ConnectionSetup<
  Types extends ConnectionTypes,
  Actions extends ParamsByName,
  Guards extends ParamsByName,
  Delay extends string,
  Actors extends ActorsByName,
> extends Omit<XStateSetup<Types, Actions, Guards, Delay, Actors>, "createMachine" | "extend"> {
  /** Makes the machine, an ordinary one of XState, fit for `sockets.open`. */
  createMachine<
    const Config extends MachineConfig<
      ConnectionContext<Types>,
      ConnectionMachineEvent<Types>,
      NamedActors<Actors>,
      Named<Actions>,
      Named<Guards>,
      Delay,
      string,
      ConnectionInput,
      NonReducibleUnknown
    >,
  >(
    config: Config & CheckedConfig<Config, ConnectionMachineEvent<Types>, Delay>,
  ): StateMachine<
    ConnectionContext<Types>,
    ConnectionMachineEvent<Types>,
    Record<string, AnyActorRef | undefined>,
    NamedActors<Actors>,
    Named<Actions>,
    Named<Guards>,
    Delay,
    ToStateValue<Cast<Config, StateSchema>>,
    string,
    ConnectionInput,
    NonReducibleUnknown,
    EventObject,
    MetaObject,
    Cast<Config, StateSchema>,
    MetaObject
  >;

  /** The same with actions, guards, delays and actors of one's own, beside those that are there. */
  extend<
    OwnActions extends ParamsByName = None,
    OwnGuards extends ParamsByName = None,
    OwnDelay extends string = never,
    OwnActors extends ActorsByName = None,
  >(
    extension: ConnectionExtension<Types, Actions, Guards, Delay, Actors, OwnActions, OwnGuards, OwnDelay, OwnActors>,
  ): ConnectionSetup<Types, Actions & OwnActions, Guards & OwnGuards, Delay | OwnDelay, Actors & OwnActors>;
}

/**
 * Begins a machine that runs for each connection: XState's `setup`, with the types of a connection and the actions that
 * most of them need.
 *
 * ```ts
 * const echo = connectionMachine<{ context: { packets: number }; calls: Call<"stats", number> }>().createMachine({
 *   context: ({ input }) => ({ connection: input.connection, packets: 0 }),
 *   initial: "waiting",
 *   states: {
 *     waiting: { on: { socketReady: { target: "echoing", actions: "activate" } } },
 *     echoing: { on: { data: { actions: [{ type: "send", params: ({ event }) => event.data }, "activate"] } } },
 *   },
 * });
 * ```
 *
 * Its events are those of {@link ConnectionMachineEvent}, its `input` is a {@link ConnectionInput}, and its actions by
 * name are those of {@link ConnectionActions}; `extend` adds more.
 */
export function connectionMachine<Types extends ConnectionTypes = object>(): ConnectionSetup<
  Types,
  ConnectionActions<Types>,
  None,
  never,
  None
> {
  // Types exist for the compiler only, so one setup serves them all.
  return withActors(stock, {}) as unknown as ConnectionSetup<Types, ConnectionActions<Types>, None, never, None>;
}

type StockEvent = ConnectionMachineEvent<{ calls: { readonly type: string } }>;

/** XState reads the types off this; its value is not used. */
const types: { context?: ConnectionContext; events?: StockEvent; input?: ConnectionInput } = {};

const stock = setup({
  types,
  actions: {
    send: ({ context }, packet: Uint8Array | string) => void context.connection.send(packet),
    activate: ({ context }, activity: Activity | undefined) => context.connection.activate(activity),
    close: ({ context }) => context.connection.close(),
    abort: ({ context }) => context.connection.abort(),
    reply({ event }, value: unknown) {
      if (event.type !== "call") throw new TypeError(`the action "reply" answers a call, and this is "${event.type}"`);
      event.from.reply(value);
    },
    setOptions: ({ context }, options: ConnectionOptions) => context.connection.setOptions(options),
    startTls: ({ context }, material: TlsMaterial | undefined) => context.connection.startTls(material),
  },
});

type StockSetup = Pick<typeof stock, "createMachine" | "extend">;
type Extension = Parameters<StockSetup["extend"]>[0] & { readonly actors?: ActorsByName };

/** XState's `extend` takes everything that `setup` does but actors. */
function withActors(begun: StockSetup, actors: ActorsByName): object {
  return {
    ...begun,
    createMachine: (config: Parameters<StockSetup["createMachine"]>[0]) =>
      begun.createMachine(config).provide({ actors }),
    extend: ({ actors: own, ...others }: Extension) => withActors(begun.extend(others), { ...actors, ...own }),
  };
}
