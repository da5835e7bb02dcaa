/** Nothing has this type: it is there to be read in the message of the compiler. */
export interface Misfit<Why extends string> {
  readonly [misfit]: Why;
}

declare const misfit: unique symbol;
