/** One long run that tries to break a promise. */
export interface Scenario {
  readonly name: string;
  /** What must hold, in a sentence. */
  readonly promise: string;
  /** Answers with one line of figures. Throws, and says what was broken, otherwise. */
  run(rounds: number): Promise<string>;
}
