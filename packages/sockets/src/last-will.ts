import { Resource } from "@espalier/actors";

/** What has to be done when an actor is gone, in whatever way: it is a resource of that actor. */
export class LastWill extends Resource {
  readonly kind = "lastWill";
  readonly #execute: () => void;

  constructor(execute: () => void) {
    super();
    this.#execute = execute;
  }

  release(): void {
    this.#execute();
  }
}
