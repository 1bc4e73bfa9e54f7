import { joined } from '../../chart/attachments.ts';
import { Catalog } from '../../chart/catalog.ts';
import { currentOf, emptySnapshot, Snapshot, type KeptVersion } from '../../chart/holding.ts';
import type { Blobs } from '../../store/blobs.ts';
import { holdingPlace, stateKey } from '../../store/layout.ts';
import { recordBytes } from '../../store/records.ts';
import { examine } from '../committing/examine.ts';
import { parseState, recordOf, type UpstreamRecord } from '../committing/state.ts';
import type { Finding, FindingKind } from '../contract/commands.ts';
import { blobsBeside } from '../retention/records.ts';
import type { Needs } from './needs.ts';
import { commitKept, readTable, rebuildCatalog, type RebuildParts } from './rebuild.ts';
import { expectedRecords, readRecords, versionOf, type ExpectedRecord, type UpstreamRecords } from './records.ts';

export interface UpstreamParts extends RebuildParts {
  readonly blobs: Pick<Blobs, 'open' | 'verify'>;
  readonly needs: Needs;
  /** Counts records and tables that were read. */
  readonly count: (records: number) => void;
}

/** A finding, and what can be done about it. */
export interface Problem {
  readonly finding: Finding;
  /** Puts it right and says how; undefined when that cannot be, or need not be any more. */
  readonly repair?: (() => Promise<string | undefined>) | undefined;
  /** Whether it is still so: a running server goes on meanwhile. */
  readonly isStill?: (() => Promise<boolean>) | undefined;
}

const rerun = 'Run chartroom fsck --repair, or restore it from a backup.';

/**
 * Reads everything there is of one upstream but its blobs: the tables that the state names and every record. Answers
 * what is wrong, and tells `needs` which blobs are needed.
 */
export async function inspectUpstream(
  parts: UpstreamParts,
  upstream: string,
  record: UpstreamRecord | undefined,
): Promise<readonly Problem[]> {
  const snapshot = await readTable(parts.tables, 'snapshot', record?.snapshot);
  const catalog = await readTable(parts.tables, 'catalog', record?.catalog);
  parts.tables.keepOnly(new Set());
  const records = await readRecords(parts.store, upstream);
  const rows = snapshot.table ? new Snapshot(snapshot.table) : emptySnapshot;
  addNeeds(parts.needs, upstream, rows, records);
  if (catalog.table) addDocuments(parts.needs, upstream, new Catalog(catalog.table));
  parts.count(records.sound.size + records.damaged.size);
  const about: About = { parts, upstream, record, records, rows, everything: everythingOf(rows, records) };
  const isLost = !record || snapshot.damage !== undefined;
  return [
    ...recordProblems(about),
    ...conflicts(about),
    ...(isLost ? lostSnapshot(about, snapshot.damage) : uncommitted(about)),
    ...(catalog.table ? [] : lostCatalog(about, catalog.damage)),
  ];
}

interface About {
  readonly parts: UpstreamParts;
  readonly upstream: string;
  readonly record: UpstreamRecord | undefined;
  readonly records: UpstreamRecords;
  readonly rows: Snapshot;
  /** Of rows and records together, each version once. */
  readonly everything: ReadonlyMap<string, KeptVersion>;
}

function addNeeds(needs: Needs, upstream: string, rows: Snapshot, { all, stray }: UpstreamRecords): void {
  for (const row of rows.all()) needs.addKept(upstream, row);
  for (const kept of all) needs.addKept(upstream, kept);
  for (const digest of stray) needs.mention(digest);
}

function addDocuments(needs: Needs, upstream: string, catalog: Catalog): void {
  for (const { claims } of catalog.all()) for (const claim of claims) needs.addClaim(upstream, claim);
}

function everythingOf(rows: Snapshot, { kept }: UpstreamRecords): ReadonlyMap<string, KeptVersion> {
  const everything = new Map<string, KeptVersion>();
  for (const row of rows.all()) everything.set(versionOf(row), row);
  for (const [key, one] of kept) {
    const row = everything.get(key);
    everything.set(key, row ? currentOf(row, one) : one);
  }
  return everything;
}

/** Records that say nothing, and records that a snapshot remembers and that are not there. */
function recordProblems({ parts, upstream, records, rows }: About): readonly Problem[] {
  const damaged = new Map(records.damaged);
  const problems: Problem[] = [];
  for (const row of rows.all()) {
    for (const expected of expectedRecords(upstream, row)) {
      const etag = damaged.get(expected.key);
      damaged.delete(expected.key);
      if (etag !== undefined) problems.push(damagedRecord(parts, row, expected, etag));
      else if (!records.sound.has(expected.key)) problems.push(missingRecord(parts, expected));
    }
  }
  return [...problems, ...[...damaged].map(([key, etag]) => unknownRecord(parts, upstream, key, etag))];
}

/** A row tells what its record said; it is taken at its word when the bytes it names are there. */
function damagedRecord(
  { store, blobs }: UpstreamParts,
  { archive }: KeptVersion,
  { key, value, what }: ExpectedRecord,
  etag: string,
): Problem {
  return {
    finding: finding('damaged-record', `${what} is damaged (${key}).`, rerun),
    repair: async () => {
      if ((await blobs.verify(archive)) !== 'sound') return undefined;
      const written = await store.write(key, recordBytes(value), { etag });
      return written === 'conflict' ? undefined : 'It was written anew from the snapshot.';
    },
  };
}

function missingRecord({ store }: UpstreamParts, { key, value, what }: ExpectedRecord): Problem {
  return {
    finding: finding('missing-record', `${what} is missing (${key}).`, rerun),
    repair: async () => {
      await store.write(key, recordBytes(value), 'absent');
      return 'It was written anew from the snapshot.';
    },
  };
}

/** What no snapshot remembers cannot be written anew. Attachments are found out again; first bytes must not change. */
function unknownRecord({ store }: UpstreamParts, upstream: string, key: string, etag: string): Problem {
  const what = `${upstream}: the record ${key} is damaged, and no snapshot knows what it said.`;
  if (holdingPlace(key)) {
    return {
      finding: finding(
        'damaged-record',
        what,
        'Restore it from a backup. Without one remove it: the version is fetched again, and may have other bytes.',
      ),
    };
  }
  return {
    finding: finding('damaged-record', what, 'Run chartroom fsck --repair: upstream is asked again.'),
    repair: async () => {
      if ((await store.head(key))?.etag === etag) await store.remove(key);
      return 'It was removed; upstream is asked again when somebody wants to know.';
    },
  };
}

/** First bytes never change, so a row that says others cannot be. */
function conflicts({ upstream, records, rows }: About): readonly Problem[] {
  return [...records.first.values()].flatMap((first) => {
    const row = rows.find(first.chart, first.version);
    if (!row || row.acceptedAt !== undefined || row.archive.digest === first.archive.digest) return [];
    const words = `the record of ${versionOf(first)} says ${first.archive.digest}, the snapshot ${row.archive.digest}.`;
    const advice = 'What the snapshot says is served. Find out which is right, and restore the other from a backup.';
    return [{ finding: finding('conflicting-record', `${upstream}: ${words}`, advice) }];
  });
}

/** Held, but not in the snapshot: of a server that is at work, or that died before it could commit. */
function uncommitted(about: About): readonly Problem[] {
  const { parts, upstream, rows, everything } = about;
  const fresh = [...everything.values()].filter((kept) => isNews(rows.find(kept.chart, kept.version), kept));
  let commit: Promise<void> | undefined;
  return fresh.map((kept) => ({
    finding: {
      ...finding(
        'uncommitted-holding',
        `${upstream}: what is held of ${versionOf(kept)} is not in the snapshot yet.`,
        'Nothing need be done: it is found when it is asked for.',
      ),
      harmless: true,
    },
    repair: async () => {
      await (commit ??= commitKept(parts, upstream, fresh));
      return 'It was committed.';
    },
  }));
}

function isNews(row: KeptVersion | undefined, kept: KeptVersion): boolean {
  if (!row || row.archive.digest !== kept.archive.digest || row.acceptedAt !== kept.acceptedAt) return true;
  const named = new Set(blobsBeside(row).map(({ digest }) => digest));
  return blobsBeside(kept).some(({ digest }) => !named.has(digest));
}

function lostSnapshot(about: About, damage: string | undefined): readonly Problem[] {
  const { parts, upstream, record, everything } = about;
  if (damage === undefined && everything.size === 0) return [];
  const kept = [...everything.values()];
  const what = damage ?? `state.json does not know what is held.`;
  return [
    {
      finding: finding('lost-snapshot', `${upstream}: ${what}`, rerun),
      isStill: async () => (await recordNow(about))?.snapshot === record?.snapshot,
      repair: async () => {
        await commitKept(
          parts,
          upstream,
          kept.map((one) => withImages(one, parts.needs)),
        );
        return `It was rebuilt from the records of ${kept.length} held versions.`;
      },
    },
  ];
}

/** Only rows say which digests of images were told, but each image is kept before it is told: those that may be this version's. */
function withImages(kept: KeptVersion, needs: Needs): KeptVersion {
  const { archive, manifest, provenance } = kept;
  const signed = typeof provenance === 'object' ? provenance.digest : undefined;
  // of a registry's charts none is derived, whoever else has the same archive
  const derived = manifest ? [] : needs.imagesOf(archive.digest);
  const images = derived.filter((image) => image.provenance === undefined || image.provenance === signed);
  return images.length === 0 ? kept : { ...kept, ...joined(kept, { images }) };
}

function lostCatalog(about: About, damage: string | undefined): readonly Problem[] {
  const { parts, upstream, record, everything } = about;
  if (damage === undefined && everything.size === 0) return [];
  const kept = [...everything.values()];
  const what = damage ?? `state.json names no catalog, although ${kept.length} versions are held.`;
  return [
    {
      finding: finding('lost-catalog', `${upstream}: ${what}`, rerun),
      isStill: async () => (await recordNow(about))?.catalog === record?.catalog,
      repair: async () => {
        const listed = await rebuildCatalog(parts, upstream, record?.catalog, kept);
        const rest = listed < kept.length ? ` ${kept.length - listed} held archives could not be read.` : '';
        return `It was rebuilt from ${listed} held archives; versions never fetched come back with the next listing, and withdrawn ones count as listed until three have gone without them.${rest}`;
      },
    },
  ];
}

async function recordNow({ parts, upstream }: About): Promise<UpstreamRecord | undefined> {
  const state = await examine(parts.store, stateKey, parseState);
  return state?.value && recordOf(state.value, upstream);
}

function finding(kind: FindingKind, what: string, advice: string): Finding {
  return { kind, what, advice, harmless: false };
}
