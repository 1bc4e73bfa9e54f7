import type { Digest } from '../../chart/digest.ts';
import { currentOf, type Holding, type KeptVersion } from '../../chart/holding.ts';
import type { ObjectStore } from '../../store/contract.ts';
import {
  attachmentKey,
  attachmentPlace,
  firstHoldingKey,
  holdingPlace,
  replacementKey,
  type HoldingPlace,
} from '../../store/layout.ts';
import { examine, type Examined } from '../committing/examine.ts';
import { mapInOrder } from '../retention/ordered.ts';
import { blobsBeside, parseAttachments, parseHolding, recordedBeside, type Recorded } from '../retention/records.ts';

/** Everything that one upstream's records say. */
export interface UpstreamRecords {
  /** What is held now, of each version by `chart version`. */
  readonly kept: ReadonlyMap<string, KeptVersion>;
  /** The first bytes held, of each version by `chart version`. */
  readonly first: ReadonlyMap<string, Holding>;
  /** Every holding there is with its attachments, replaced or not. */
  readonly all: readonly KeptVersion[];
  /** Beside archives that nobody holds: what they name. */
  readonly stray: readonly Digest[];
  /** Keys of records that say something. */
  readonly sound: ReadonlySet<string>;
  /** Keys of those that do not, with their etags. */
  readonly damaged: ReadonlyMap<string, string>;
}

/** One record as a snapshot's row says it should be. */
export interface ExpectedRecord {
  readonly key: string;
  readonly value: Holding | Recorded;
  /** In words: what it is a record of. */
  readonly what: string;
}

const readsAtOnce = 8;

/** One name for a version. */
export function versionOf({ chart, version }: { readonly chart: string; readonly version: string }): string {
  return `${chart} ${version}`;
}

/** Reads every record of an upstream, damaged or not. */
export async function readRecords(store: ObjectStore, upstream: string): Promise<UpstreamRecords> {
  const damaged = new Map<string, string>();
  const holdings = new Map<string, Holding>();
  for await (const [key, found] of readAllOf(store, `holdings/${upstream}/`, holdingAt)) {
    if (found.value) holdings.set(key, found.value);
    else damaged.set(key, found.etag);
  }
  const attachments = new Map<string, Recorded>();
  for await (const [key, found] of readAllOf(store, `attachments/${upstream}/`, attachmentsAt)) {
    if (found.value) attachments.set(key, found.value);
    else damaged.set(key, found.etag);
  }
  const sound = new Set([...holdings.keys(), ...attachments.keys()]);
  const all = inOrderOfAcceptance(holdings).map((holding) => ({
    ...holding,
    ...attachments.get(attachmentKey(upstream, holding.archive.digest)),
  }));
  const used = new Set(all.map(({ archive }) => attachmentKey(upstream, archive.digest)));
  const stray = [...attachments].flatMap(([key, value]) =>
    used.has(key) ? [] : blobsBeside(value).map(({ digest }) => digest),
  );
  const first = [...holdings]
    .filter(([key]) => holdingPlace(key)?.first)
    .map(([, one]) => [versionOf(one), one] as const);
  return { kept: currentOnes(all), first: new Map(first), all, stray, sound, damaged };
}

/** The records that a row of a snapshot was made of, as far as it tells. */
export function expectedRecords(upstream: string, row: KeptVersion): readonly ExpectedRecord[] {
  const { chart, version, archive, manifest, config, heldAt, acceptedAt } = row;
  const holding: Holding = { chart, version, archive, manifest, config, heldAt, acceptedAt };
  const key = acceptedAt
    ? replacementKey(upstream, chart, version, archive.digest)
    : firstHoldingKey(upstream, chart, version);
  const record = { key, value: holding, what: `${upstream}: the record of ${chart} ${version}` };
  const beside = recordedBeside(row);
  if (!beside) return [record];
  const what = `${upstream}: the record of what came beside ${chart} ${version}`;
  return [record, { key: attachmentKey(upstream, archive.digest), value: beside, what }];
}

type Reading<T> = (key: string) => ((value: unknown) => T) | undefined;

async function* readAllOf<T>(
  store: ObjectStore,
  prefix: string,
  reading: Reading<T>,
): AsyncIterable<readonly [key: string, found: Examined<T>]> {
  const read = mapInOrder(store.list(prefix), readsAtOnce, async ({ key }) => {
    const parse = reading(key);
    return { key, found: parse && (await examine(store, key, parse)) };
  });
  for await (const { key, found } of read) if (found) yield [key, found];
}

function holdingAt(key: string): ((value: unknown) => Holding) | undefined {
  const place = holdingPlace(key);
  return place && ((value) => requireHolding(key, place, parseHolding(value)));
}

/** A record under a key that is not its own says something of another version. */
function requireHolding(key: string, { upstream, first }: HoldingPlace, holding: Holding): Holding {
  const { chart, version, archive, acceptedAt } = holding;
  const own = first
    ? firstHoldingKey(upstream, chart, version)
    : replacementKey(upstream, chart, version, archive.digest);
  if (own === key && first === (acceptedAt === undefined)) return holding;
  throw new Error('it is the record of something else');
}

function attachmentsAt(key: string): ((value: unknown) => Recorded) | undefined {
  return attachmentPlace(key) && parseAttachments;
}

function inOrderOfAcceptance(holdings: ReadonlyMap<string, Holding>): readonly Holding[] {
  const order = ({ acceptedAt = '' }: Holding): string => acceptedAt;
  return [...holdings.values()].sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

function currentOnes(all: readonly KeptVersion[]): ReadonlyMap<string, KeptVersion> {
  const kept = new Map<string, KeptVersion>();
  for (const one of all) {
    const earlier = kept.get(versionOf(one));
    kept.set(versionOf(one), earlier ? currentOf(earlier, one) : one);
  }
  return kept;
}
