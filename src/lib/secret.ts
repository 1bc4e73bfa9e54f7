import { createHmac, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';

/** Of this process: what is made with it tells nobody else anything. */
const key = randomBytes(32);

function fingerprint(text: string): string {
  return createHmac('sha256', key).update(text).digest('base64');
}

/** Text that must not be seen: printing, logging or serialising one shows `[secret]`. */
export class Secret {
  /** Equal only for secrets that come from the same place or are the same text; says nothing of the text. */
  readonly identity: string;
  readonly #read: () => Promise<string>;

  /**
   * `read` answers with the present value each time; it rejects when the secret cannot be read, with
   * an error whose message says why and never what. `from` tells apart where secrets come from; without it none is equal. */
  constructor(read: () => Promise<string>, from?: string) {
    this.#read = read;
    this.identity = from === undefined ? randomBytes(16).toString('base64') : fingerprint(`from ${from}`);
  }

  static of(text: string): Secret {
    return new Secret(async () => text, text);
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
