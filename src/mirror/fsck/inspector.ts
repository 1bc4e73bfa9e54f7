import { Catalog } from '../../chart/catalog.ts';
import type { Digest } from '../../chart/digest.ts';
import type { ArchiveChart } from '../../formats/chart-archive.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Blobs } from '../../store/blobs.ts';
import type { ObjectStore } from '../../store/contract.ts';
import {
  attachmentPlace,
  catalogKey,
  formatKey,
  holdingPlace,
  leaseKey,
  openLayout,
  snapshotKey,
  stateKey,
} from '../../store/layout.ts';
import { changeState, examine } from '../committing/examine.ts';
import { parseState, recordOf, type State } from '../committing/state.ts';
import { Tables } from '../committing/tables.ts';
import type { Finding, Inspection, InspectionCounts, Inspector, Pruned, Unconfigured } from '../contract/commands.ts';
import type { ArchiveCheck } from '../fetching/fetch.ts';
import type { Intake } from '../fetching/intake.ts';
import type { MirrorJobs } from '../jobs.ts';
import type { UpstreamSettings } from '../settings.ts';
import { inspectBlobs } from './blobs.ts';
import { inspectDerived } from './derived.ts';
import { Needs, type Need } from './needs.ts';
import { prune } from './prune.ts';
import { readTable } from './rebuild.ts';
import { restoreBlob, type Restored } from './restore.ts';
import { countUnconfigured } from './unconfigured.ts';
import { inspectUpstream, type Problem } from './upstream.ts';

export interface InspectorParts {
  readonly store: ObjectStore;
  readonly blobs: Blobs;
  readonly jobs: MirrorJobs;
  /** Those that are configured: blobs are fetched again from them, and what is kept of others can be pruned. */
  readonly upstreams: readonly UpstreamSettings[];
  readonly check: ArchiveCheck;
  /** What an archive says of itself. Rejects with a fault for one that cannot be read. */
  readonly describe: (bytes: Uint8Array) => Promise<ArchiveChart>;
  /** Bytes on their way in. */
  readonly intake: Intake;
  readonly clock: Clock;
}

/**
 * Looks the whole store over, and puts right what can be. It needs no engine, so it works on a store that no server
 * could start from, and stands beside servers that run: everything it changes goes by compare-and-swap, and every blob it
 * writes is the bytes of its name.
 */
export class StoreInspector implements Inspector {
  readonly #parts: InspectorParts;

  constructor(parts: InspectorParts) {
    this.#parts = parts;
  }

  inspect(options: { readonly repair: boolean; readonly signal: AbortSignal }): Inspection {
    const round = new Round(this.#parts, options.repair, options.signal);
    return { findings: round.run(), counts: () => ({ ...round.counts }), unconfigured: () => round.unconfigured };
  }

  prune(upstreams: readonly string[], signal: AbortSignal): Promise<Pruned> {
    const unconfigured = upstreams.filter((name) => !isConfigured(this.#parts, name));
    return prune({ ...this.#parts, signal }, unconfigured);
  }
}

function isConfigured({ upstreams }: InspectorParts, upstream: string): boolean {
  return upstreams.some(({ name }) => name === upstream);
}

type MutableCounts = { -readonly [K in keyof InspectionCounts]: InspectionCounts[K] };

class Round {
  readonly counts: MutableCounts = { records: 0, blobs: 0, bytes: 0, unnamed: 0 };
  unconfigured: readonly Unconfigured[] = [];
  readonly #parts: InspectorParts;
  readonly #repair: boolean;
  readonly #signal: AbortSignal;
  readonly #needs = new Needs();
  readonly #tables: Tables;
  /** Sizes of the documents that were made of archives. */
  readonly #derived = new Map<Digest, number[]>();

  constructor(parts: InspectorParts, repair: boolean, signal: AbortSignal) {
    this.#parts = parts;
    this.#repair = repair;
    this.#signal = signal;
    this.#tables = new Tables(parts.store, parts.jobs);
  }

  /** Records first, since they say which blobs there must be; repairs of records last, since they need sound blobs. */
  async *run(): AsyncGenerator<Finding> {
    const { store } = this.#parts;
    const found = await examine(store, stateKey, parseState);
    const state = found?.value;
    const names = await this.#upstreams(state);
    if (found) this.counts.records += 1;
    const problems = [...(await this.#loose(names.length > 0, found !== undefined, state !== undefined))];
    for (const name of names) {
      this.#signal.throwIfAborted();
      problems.push(...(await this.#inspectUpstream(name, state)));
    }
    problems.push(...(await this.#inspectDerived()));
    yield* this.#inspectBlobs();
    for (const problem of problems) {
      this.#signal.throwIfAborted();
      const settled = await this.#settle(problem);
      if (settled) yield settled;
    }
    await this.#countUnnamedTables();
    const unconfigured = names.filter((name) => !isConfigured(this.#parts, name));
    const catalogOf = (name: string): Promise<Catalog | undefined> => this.#catalogOf(name);
    const parts = { needs: this.#needs, derived: this.#derived, catalogOf };
    this.unconfigured = await countUnconfigured(unconfigured, parts);
  }

  /** Those of the state, and those that there are records of. */
  async #upstreams(state: State | undefined): Promise<readonly string[]> {
    const names = new Set(Object.keys(state?.upstreams ?? {}));
    for (const prefix of ['holdings/', 'attachments/']) {
      for await (const { key } of this.#parts.store.list(prefix)) {
        const place = holdingPlace(key) ?? attachmentPlace(key);
        if (place) names.add(place.upstream);
      }
    }
    return [...names].sort();
  }

  /** The three records that belong to no upstream. */
  async #loose(isUsed: boolean, hasState: boolean, isStateSound: boolean): Promise<readonly Problem[]> {
    const problems = [...(await this.#format(isUsed || hasState)), ...(await this.#lease())];
    if (isStateSound || (!hasState && !isUsed)) return problems;
    const { store, clock } = this.#parts;
    return [
      ...problems,
      {
        finding: {
          kind: 'lost-state',
          what: `state.json, which says what is in use, is ${hasState ? 'damaged' : 'missing'}.`,
          advice: 'Restore it from a backup, or run chartroom fsck --repair, which begins anew with what is held.',
          harmless: false,
        },
        repair: async () => {
          await changeState(store, clock, async (state) => state);
          return 'It was begun anew; which versions are held is told by their records.';
        },
      },
    ];
  }

  async #format(isUsed: boolean): Promise<readonly Problem[]> {
    const { store } = this.#parts;
    const found = await examine(store, formatKey, (value) => value ?? undefined);
    if (found) this.counts.records += 1;
    // another layout is not ours to judge: a fault
    if (found?.value !== undefined) await openLayout(store);
    if (found?.value !== undefined || (!found && !isUsed)) return [];
    const how = found ? 'damaged' : 'missing';
    return [
      {
        finding: {
          kind: found ? 'damaged-record' : 'missing-record',
          what: `format.json, which says what layout the store has, is ${how}.`,
          advice: 'Run chartroom fsck --repair, which writes it anew.',
          harmless: false,
        },
        repair: async () => {
          if (found) await store.remove(formatKey);
          await openLayout(store);
          return 'It was written anew.';
        },
      },
    ];
  }

  async #lease(): Promise<readonly Problem[]> {
    const { store } = this.#parts;
    const found = await examine(store, leaseKey, (value) => value ?? undefined);
    if (found) this.counts.records += 1;
    if (!found || found.value !== undefined) return [];
    return [
      {
        finding: {
          kind: 'damaged-record',
          what: 'lease.json, which says which server does the upstream work, is damaged.',
          advice: 'Run chartroom fsck --repair, which removes it: the servers agree on a new one.',
          harmless: false,
        },
        repair: async () => {
          await store.remove(leaseKey);
          return 'It was removed; the servers agree on a new one.';
        },
      },
    ];
  }

  async #inspectUpstream(name: string, state: State | undefined): Promise<readonly Problem[]> {
    const record = state && recordOf(state, name);
    const count = (records: number): void => {
      this.counts.records += records;
    };
    if (record?.snapshot) count(1);
    if (record?.catalog) count(1);
    const parts = { ...this.#parts, tables: this.#tables, needs: this.#needs, count };
    const problems = await inspectUpstream(parts, name, record);
    // what a prune that ended half way left is not lost
    const isForgotten = state !== undefined && record === undefined && !isConfigured(this.#parts, name);
    return isForgotten ? problems.filter(({ finding: { kind } }) => !kind.startsWith('lost-')) : problems;
  }

  #inspectDerived(): Promise<readonly Problem[]> {
    const count = (archive: Digest, bytes: number): void => {
      this.counts.records += 1;
      if (!this.#needs.isNamed(archive)) this.counts.unnamed += 1;
      this.#derived.set(archive, [...(this.#derived.get(archive) ?? []), bytes]);
    };
    return inspectDerived({ store: this.#parts.store, signal: this.#signal, count, needs: this.#needs });
  }

  #inspectBlobs(): AsyncGenerator<Finding> {
    const { store, blobs } = this.#parts;
    return inspectBlobs({
      store,
      blobs,
      needs: this.#needs,
      restore: this.#repair ? (needs) => this.#restore(needs) : undefined,
      signal: this.#signal,
      count: (bytes, named) => {
        this.counts.blobs += 1;
        this.counts.bytes += bytes;
        if (!named) this.counts.unnamed += 1;
      },
    });
  }

  #restore(needs: readonly Need[]): Promise<Restored> {
    return restoreBlob({ ...this.#parts, catalogOf: (name) => this.#catalogOf(name), signal: this.#signal }, needs);
  }

  /** One at a time stays in memory: all of them may be much. */
  async #catalogOf(name: string): Promise<Catalog | undefined> {
    const state = await examine(this.#parts.store, stateKey, parseState);
    const digest = state?.value && recordOf(state.value, name)?.catalog;
    this.#tables.keepOnly([]);
    const { table } = await readTable(this.#tables, 'catalog', digest);
    return table && new Catalog(table);
  }

  async #settle({ finding, repair, isStill }: Problem): Promise<Finding | undefined> {
    if (isStill && !(await isStill())) return undefined;
    const repaired = this.#repair ? await repair?.() : undefined;
    return repaired === undefined ? finding : { ...finding, repaired };
  }

  async #countUnnamedTables(): Promise<void> {
    const { store } = this.#parts;
    const state = await examine(store, stateKey, parseState);
    const named = new Set<string>();
    for (const { catalog, snapshot } of Object.values(state?.value?.upstreams ?? {})) {
      if (catalog) named.add(catalogKey(catalog));
      if (snapshot) named.add(snapshotKey(snapshot));
    }
    for (const prefix of ['catalogs/', 'snapshots/']) {
      for await (const { key } of store.list(prefix)) if (!named.has(key)) this.counts.unnamed += 1;
    }
  }
}
