/** One kind of fault: what is done to whom, what is promised, and the proof. */
export interface Kind<R> {
  /** Begins with its number in the fault model. */
  readonly name: string;
  readonly done: string;
  readonly promise: string;
  /** Breaks something, looks, mends it and looks again. Throws when the promise was not kept. */
  run(rig: R): Promise<void>;
}

/** Servers that several kinds happen to, one after another. */
export interface Rig {
  /** Makes ready for one more round. */
  restock(): Promise<void>;
  /** How many answers were looked at so far. */
  reads(): number;
  close(): Promise<void>;
}
