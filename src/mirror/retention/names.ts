import { setImmediate as breathe } from 'node:timers/promises';

import { decodeClaim } from '../../chart/claim.ts';
import type { Descriptor, Digest } from '../../chart/digest.ts';
import { Fault } from '../../chart/fault.ts';
import { Snapshot, type KeptVersion } from '../../chart/holding.ts';
import { TableReader, type SharedTable } from '../../lib/shared-table.ts';
import type { ObjectInfo, ObjectStore } from '../../store/contract.ts';
import { attachmentPlace, blobKey, catalogKey, holdingPlace, snapshotKey, stateKey } from '../../store/layout.ts';
import { readRecord, recordBytes } from '../../store/records.ts';
import { parseState, type State } from '../committing/state.ts';
import { mapInOrder } from './ordered.ts';
import { blobsBeside, parseAttachments, parseHolding, recordedBeside } from './records.ts';

/** Reads a table that the state names. Faults with 'store-failed' when it is lost or damaged. */
export type LoadTable = (kind: 'catalog' | 'snapshot', digest: Digest) => Promise<SharedTable>;

const readsAtOnce = 8;
/** Rows looked at without a pause: about a millisecond. */
const rowsAtOnce = 200;
/** A record smaller than a digest names no blob: most attachments say that there is no provenance. */
const digestLength = 71;

/**
 * The keys of every blob and table that something in the store names: catalogs and snapshots of every upstream of the
 * state, configured or not, and the records of holdings and attachments that those snapshots do not account for, which
 * are few. So 30,000 holdings cost the pages of two lists. What was named once stays named.
 */
export class Names {
  readonly #store: ObjectStore;
  readonly #load: LoadTable;
  readonly #counts: (upstream: string) => boolean;
  readonly #named = new Set<string>();
  /** Of each upstream as the state named it last. */
  readonly #snapshots = new Map<string, Snapshot>();
  /** How large the record is of which a snapshot names everything that came beside an archive. */
  readonly #attested = new Map<string, number>();
  /** Records that were read, as they were in the list. */
  readonly #read = new Map<string, string>();

  /** `counts`: whose word counts; everybody's unless it says otherwise. */
  constructor(store: ObjectStore, load: LoadTable, counts: (upstream: string) => boolean = () => true) {
    this.#store = store;
    this.#load = load;
    this.#counts = counts;
  }

  has(key: string): boolean {
    return this.#named.has(key);
  }

  /** Reads what is new. Rejects with a fault, and must not be relied on then, when anything cannot be read. */
  async refresh(): Promise<void> {
    const { upstreams } = await this.#readState();
    for (const [upstream, { catalog, snapshot }] of Object.entries(upstreams)) {
      if (!this.#counts(upstream)) continue;
      if (catalog && this.#isNew(catalogKey(catalog))) await this.#addCatalog(await this.#load('catalog', catalog));
      if (snapshot && this.#isNew(snapshotKey(snapshot))) {
        await this.#addSnapshot(upstream, await this.#load('snapshot', snapshot));
      }
      // only now: a refresh that failed half way reads it again
      if (catalog) this.#named.add(catalogKey(catalog));
      if (snapshot) this.#named.add(snapshotKey(snapshot));
    }
    const read = mapInOrder(this.#unaccounted(), readsAtOnce, async (info) => ({ info, names: await this.#ask(info) }));
    for await (const { info, names } of read) {
      this.#add(names);
      this.#read.set(info.key, info.etag);
    }
  }

  #isNew(key: string): boolean {
    return !this.#named.has(key);
  }

  /** Without it nothing would seem to be named. */
  async #readState(): Promise<State> {
    const record = await readRecord(this.#store, stateKey, parseState);
    if (record) return record.value;
    throw new Fault(
      'store-failed',
      'the store has no state.json, which says what is in use',
      'Run chartroom fsck --repair, or restore it from a backup.',
    );
  }

  async #addCatalog(table: SharedTable): Promise<void> {
    const rows = new TableReader(table);
    for (let at = 0; at < rows.size; at += 1) {
      if (at % rowsAtOnce === 0) await breathe();
      const line = rows.line(at);
      if (!line.includes('"documents"')) continue;
      const { documents } = decodeClaim(line);
      this.#add([documents?.manifest, documents?.config]);
    }
  }

  async #addSnapshot(upstream: string, table: SharedTable): Promise<void> {
    const snapshot = new Snapshot(table);
    let at = 0;
    for (const kept of snapshot.all()) {
      if (at++ % rowsAtOnce === 0) await breathe();
      this.#add(namesOf(kept));
      const record = recordedBeside(kept);
      if (record) this.#attested.set(`${upstream} ${kept.archive.digest}`, recordBytes(record).length);
    }
    this.#snapshots.set(upstream, snapshot);
  }

  #add(descriptors: readonly (Descriptor | undefined)[]): void {
    for (const descriptor of descriptors) if (descriptor) this.#named.add(blobKey(descriptor.digest));
  }

  async *#unaccounted(): AsyncIterable<ObjectInfo> {
    let at = 0;
    for (const prefix of ['holdings/', 'attachments/']) {
      for await (const info of this.#store.list(prefix)) {
        if (at++ % rowsAtOnce === 0) await breathe();
        const { upstream } = holdingPlace(info.key) ?? attachmentPlace(info.key) ?? {};
        if (upstream === undefined || !this.#counts(upstream)) continue;
        if (this.#read.get(info.key) !== info.etag && !this.#isAccountedFor(info)) yield info;
      }
    }
  }

  /**
   * First bytes are written once, so a row of theirs says what the record says. Replacements are few. What came beside an
   * archive only grows, so a record as long as the row's says what the row says.
   */
  #isAccountedFor({ key, size }: ObjectInfo): boolean {
    const attachment = attachmentPlace(key);
    if (attachment) {
      return size < digestLength || this.#attested.get(`${attachment.upstream} ${attachment.archive}`) === size;
    }
    const place = holdingPlace(key);
    const kept = place?.first ? this.#snapshots.get(place.upstream)?.find(place.chart, place.version) : undefined;
    return kept !== undefined && kept.acceptedAt === undefined;
  }

  async #ask({ key }: ObjectInfo): Promise<readonly (Descriptor | undefined)[]> {
    if (holdingPlace(key)) return namesOf((await readRecord(this.#store, key, parseHolding))?.value);
    return blobsBeside((await readRecord(this.#store, key, parseAttachments))?.value ?? {});
  }
}

function namesOf(kept: KeptVersion | undefined): readonly (Descriptor | undefined)[] {
  return kept ? [kept.archive, kept.manifest, kept.config, ...blobsBeside(kept)] : [];
}
