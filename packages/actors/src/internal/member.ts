import type { Definition } from "../behaviour.ts";
import type { Labelled } from "../context.ts";
import { RegistrationError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { ActorRef, Pid } from "../pid.ts";
import type { Resource } from "../resource.ts";
import type { Debug } from "./debug.ts";
import type { Kernel } from "./kernel.ts";
import type { Link } from "./link.ts";
import { Mailbox } from "./mailbox.ts";
import { Particulars } from "./particulars.ts";
import type { ActorProcess } from "./process.ts";
import type { SpawnRequest } from "./spawn-request.ts";
import type { Watch } from "./watch.ts";

/**
 * Who an actor is among the others: its identity, its place in the tree, and what is tied to it. Each field costs each
 * of perhaps 250,000 actors 8 bytes, so what few of them need stands in `Particulars`, and what they need for a while
 * only in `Unfinished`.
 */
export abstract class Member extends Mailbox {
  readonly pid: Pid;
  readonly kernel: Kernel;
  /** Changed by `adopt` only. */
  parent: ActorProcess | null;
  /** Changed by `sys.changeCode` only. */
  definition: Definition<never>;
  protected key: string | number;
  private ownLabel: string | Labelled | undefined;
  /** What the behaviour remembers; before its start, the arguments. */
  state: unknown;

  links: Link | null = null;
  watchers: Watch | null = null;
  owned: Resource | null = null;
  nextProcess: ActorProcess | null = null;
  previousProcess: ActorProcess | null = null;

  /** Messages handled so far. */
  reductions = 0;
  protected particulars: Particulars | null;

  constructor(kernel: Kernel, { definition, args, options, parent }: SpawnRequest<never, Pid>) {
    super();
    this.pid = kernel.nextPid();
    this.kernel = kernel;
    this.parent = parent;
    this.definition = definition;
    this.ownLabel = options.label;
    this.state = args;
    this.particulars = Particulars.of(options);
    const number = parent === null ? kernel.countChild() : parent.countChild();
    this.key = options.id ?? number;
  }

  /** This same object, with all that it can. */
  protected abstract get self(): ActorProcess;

  get label(): string | undefined {
    const label = this.ownLabel;
    return typeof label === "object" ? label.label : label;
  }

  set label(label: string | undefined) {
    this.ownLabel = label;
  }

  get path(): string {
    return this.parent === null ? this.id : `${this.parent.path}/${this.id}`;
  }

  get id(): string {
    return typeof this.key === "string" ? this.key : `${this.definition.name}-${this.key}`;
  }

  get ref(): ActorRef {
    return this.pid;
  }

  get logger(): Logger {
    const own = this.particulars === null ? null : this.particulars.logger;
    if (own !== null) return own;
    return this.parent === null ? this.kernel.logger : this.parent.logger;
  }

  get parentPid(): Pid {
    return this.parent === null ? this.kernel.rootPid : this.parent.pid;
  }

  get incarnation(): number {
    return this.particulars === null ? 1 : this.particulars.incarnation;
  }

  get debug(): Debug | null {
    return this.particulars === null ? null : this.particulars.debug;
  }

  set debug(debug: Debug | null) {
    this.allParticulars().debug = debug;
  }

  get suspenders(): ReadonlySet<symbol | undefined> | null {
    return this.particulars === null ? null : this.particulars.suspenders;
  }

  set suspenders(suspenders: ReadonlySet<symbol | undefined>) {
    if (suspenders.size > 0) this.allParticulars().suspenders = suspenders;
    else if (this.particulars !== null) this.particulars.suspenders = null;
  }

  get name(): string | undefined {
    return this.particulars?.name;
  }

  /** Shows all that it owns, the latest first. */
  visitResources(visit: (resource: Resource) => void): void {
    for (let resource = this.owned; resource !== null; resource = resource.nextOwned) visit(resource);
  }

  /** Messages that a full mailbox has refused so far. */
  get dropped(): number {
    return this.particulars?.bound?.dropped ?? 0;
  }

  /** Answers which of its children the next one is. */
  countChild(): number {
    const particulars = this.allParticulars();
    particulars.spawned += 1;
    return particulars.spawned;
  }

  private allParticulars(): Particulars {
    this.particulars ??= new Particulars();
    return this.particulars;
  }

  takeName(name: string): void {
    if (this.kernel.names.has(name)) throw new RegistrationError(name, "nameTaken");
    if (this.name !== undefined) throw new RegistrationError(name, "alreadyRegistered");
    this.kernel.names.set(name, this.self);
    this.allParticulars().name = name;
    if (this.kernel.tracer !== null) this.kernel.trace("register", this, { name });
  }

  protected forgetName(name: string): void {
    this.kernel.names.delete(name);
    this.allParticulars().name = undefined;
    if (this.kernel.tracer !== null) this.kernel.trace("unregister", this, { name });
  }
}
