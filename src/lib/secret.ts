import { inspect } from 'node:util';

/** Text that must not be seen: printing, logging or serialising one shows `[secret]`. */
export class Secret {
  readonly #read: () => Promise<string>;

  /**
   * `read` answers with the present value each time; it rejects when the secret cannot be read, with
   * an error whose message says why and never what. */
  constructor(read: () => Promise<string>) {
    this.#read = read;
  }

  static of(text: string): Secret {
    return new Secret(async () => text);
  }

  /** The value itself, read anew. Only for the place that sends it. */
  reveal(): Promise<string> {
    return this.#read();
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}
