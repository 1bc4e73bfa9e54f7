import { isDeepStrictEqual } from 'node:util';

import type { Log } from '../lib/log.ts';
import { listen, type Listener, type ListenOptions, type ServerTls } from './listen.ts';

/** The ports of one server, which show the same certificate. */
export class Ports {
  readonly #log: Log;
  readonly #open: Listener[] = [];
  #tls: ServerTls | undefined;

  constructor(tls: ServerTls | undefined, log: Log) {
    this.#tls = tls;
    this.#log = log;
  }

  /** Opens one more. Rejects as `listen` does. */
  async open(options: Omit<ListenOptions, 'tls' | 'log'>): Promise<Listener> {
    const listener = await listen({ ...options, tls: this.#tls, log: this.#log });
    this.#open.push(listener);
    return listener;
  }

  /** Of the one that was opened first, as it is in a URL; empty before. */
  get address(): string {
    return this.#open[0]?.address ?? '';
  }

  get connections(): number {
    return this.#open.reduce((sum, listener) => sum + listener.connections(), 0);
  }

  /** Shows new connections another certificate. Throws as `Listener.present` does. */
  present(tls: ServerTls): void {
    if (!this.#tls || isDeepStrictEqual(this.#tls, tls)) return;
    for (const listener of this.#open) listener.present(tls);
    this.#tls = tls;
    this.#log.info('another certificate is shown from now on');
  }
}
