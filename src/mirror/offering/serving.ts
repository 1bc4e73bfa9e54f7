import type { OfferRules } from '../../chart/offering.ts';
import { noRules } from '../../chart/rules.ts';
import type { Log } from '../../lib/log.ts';
import type { ObjectStore } from '../../store/contract.ts';
import { servingKey } from '../../store/layout.ts';
import { readRecord, recordBytes } from '../../store/records.ts';
import { offerRulesOf, type RepositorySettings, type UpstreamSettings } from '../settings.ts';

/** What servers are configured to offer: `serving.json`. Says nothing of how upstreams are reached but where they are. */
export interface Serving {
  readonly upstreams: readonly ServingUpstream[];
  readonly repositories: readonly RepositorySettings[];
}

interface ServingUpstream {
  readonly name: string;
  /** Without user info and query. */
  readonly url: string;
  readonly rules: OfferRules;
}

/** What there is to say of a configuration. */
export function servingOf(
  upstreams: readonly UpstreamSettings[],
  repositories: readonly RepositorySettings[],
): Serving {
  const offering = upstreams.map((settings) => ({
    name: settings.name,
    url: settings.url,
    rules: offerRulesOf(settings),
  }));
  return { upstreams: offering, repositories };
}

/** What the servers on a store were last configured to offer; undefined where none was since it is recorded. Rejects with 'store-failed'. */
export async function readServing(store: ObjectStore): Promise<Serving | undefined> {
  return (await readRecord(store, servingKey, parseServing))?.value;
}

function parseServing(value: unknown): Serving {
  const { upstreams, repositories } = value as Serving;
  return {
    upstreams: upstreams.map(({ name, url, rules }) => ({ name, url, rules })),
    // JSON leaves out what is undefined, and an earlier version knew fewer rules
    repositories: repositories.map(({ rules, ...named }) => ({ ...named, rules: { ...noRules, ...rules } })),
  };
}

/** Keeps `serving.json` as this server is configured. The server that was configured last has the say. */
export class ServingNote {
  readonly #store: ObjectStore;
  readonly #log: Log;
  #noted: Buffer | undefined;
  #failed = false;

  constructor(parts: { readonly store: ObjectStore; readonly log: Log }) {
    this.#store = parts.store;
    this.#log = parts.log;
  }

  /** Writes what this server offers, unless it did before or the store says so already. Never rejects: try again later. */
  async keep(serving: Serving): Promise<void> {
    const wanted = recordBytes(serving);
    if (this.#noted?.equals(wanted)) return;
    try {
      // one that is damaged is written anew
      const found = await readServing(this.#store).catch(() => undefined);
      if (!found || !recordBytes(found).equals(wanted)) await this.#store.write(servingKey, wanted);
      this.#noted = wanted;
      this.#failed = false;
    } catch (error) {
      const level = this.#failed ? 'debug' : 'warn';
      this.#log[level](
        { err: error },
        'what is offered could not be recorded yet, so chartroom plan compares with an earlier time',
      );
      this.#failed = true;
    }
  }
}
