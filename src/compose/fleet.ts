import { isDeepStrictEqual } from 'node:util';

import type { UpstreamConfig } from '../config/config.ts';
import type { Closable, UpstreamParts } from './parts.ts';
import { openUpstream, type OpenUpstream } from './upstreams.ts';

interface Berth {
  readonly config: UpstreamConfig;
  readonly opened: OpenUpstream;
  readonly clients: ReadonlySet<Closable>;
}

/** What was asked through connections that are not needed any more may still be under way for so long. */
const lingerMs = 10 * 60_000;

/** The upstreams that are open. Those whose configuration stays the same stay what they are. */
export class Fleet {
  readonly #parts: Omit<UpstreamParts, 'clients'>;
  #berths: readonly Berth[] = [];
  readonly #lingering = new Set<Berth>();

  constructor(parts: Omit<UpstreamParts, 'clients'>) {
    this.#parts = parts;
  }

  /** Upstreams as they are configured, in that order. Nothing is contacted. */
  open(configs: readonly UpstreamConfig[]): readonly OpenUpstream[] {
    const berths = configs.map((config) => {
      const present = this.#berths.find((berth) => isDeepStrictEqual(berth.config, config));
      return present ?? this.#berth(config);
    });
    this.#berths = [...new Set([...this.#berths, ...berths])];
    return berths.map(({ opened }) => opened);
  }

  /** Closes all others, once nothing can be under way there any more. */
  keepOnly(wanted: readonly OpenUpstream[]): void {
    const idle = this.#berths.filter(({ opened }) => !wanted.includes(opened));
    this.#berths = this.#berths.filter((berth) => !idle.includes(berth));
    for (const berth of idle) void this.#linger(berth);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#berths, ...this.#lingering].map(closeBerth));
  }

  async #linger(berth: Berth): Promise<void> {
    this.#lingering.add(berth);
    await this.#parts.clock.sleep(lingerMs);
    this.#lingering.delete(berth);
    await closeBerth(berth);
  }

  #berth(config: UpstreamConfig): Berth {
    const clients = new Set<Closable>();
    return { config, opened: openUpstream(config, { ...this.#parts, clients }), clients };
  }
}

async function closeBerth({ clients }: Berth): Promise<void> {
  await Promise.all([...clients].map((client) => client.close()));
}
