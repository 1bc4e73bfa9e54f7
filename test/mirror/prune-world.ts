import type { KeptVersion } from '../../src/chart/holding.ts';
import { checkArchive, describeArchive } from '../../src/formats/chart-archive.ts';
import type { Finding } from '../../src/mirror/contract/commands.ts';
import { Intake } from '../../src/mirror/fetching/intake.ts';
import { StoreInspector } from '../../src/mirror/fsck/inspector.ts';
import { Blobs } from '../../src/store/blobs.ts';
import type { ObjectStore } from '../../src/store/contract.ts';
import { attachmentKey, documentsKey, stateKey } from '../../src/store/layout.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { recordBytes } from '../../src/store/records.ts';
import { artifactOf } from '../support/artifacts.ts';
import { ManualClock } from '../support/clock.ts';
import { bytesAt, settingsOf, watchedStore } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { claimOf, commit, hold, jobsHere, keysOf, putBlob, stateOf } from '../support/kept-store.ts';

const bytes = (text: string): Buffer => Buffer.from(text);
const day = 24 * 60 * 60_000;

/** What `kept` and `gone` both have, and what `gone` has alone. */
export const [shared, own] = [bytes('shared'), bytes('own')];

/** What stands beside what `gone` has alone. */
export const ownArtifact = artifactOf({ word: 'own artifact' });

/** An old store of an upstream `kept` that is configured and, unless it never was, one `gone` that is not any more. */
export async function openWorld({ withGone = true } = {}) {
  const clock = new ManualClock();
  const store = watchedStore(memoryStore({ clock }));
  const signed = { chart: 'demo', version: '1.0.0', archive: bytes('demo'), provenance: bytes('signature') };
  const kept = [
    await hold(store, 'kept', signed),
    await hold(store, 'kept', { chart: 'twin', version: '1.0.0', archive: shared }),
  ];
  await commit(store, 'kept', { kept, claims: kept.map(claimOf) });
  for (const { archive } of kept) await store.write(documentsKey(archive.digest), recordBytes({ tooLarge: [] }));
  if (withGone) await fillGone(store);
  await clock.advance(2 * day);
  return { clock, store };
}

export type World = Awaited<ReturnType<typeof openWorld>>;

/** Everything that there can be of an upstream. */
async function fillGone(store: ObjectStore): Promise<void> {
  const named = { chart: 'own', version: '1.0.0' };
  const documents = { manifest: bytes('manifest'), config: bytes('config') };
  const beside = { provenance: bytes('own signature'), artifacts: [ownArtifact] };
  const first = await hold(store, 'gone', { ...named, archive: own, ...beside, documents });
  const acceptedAt = '2025-02-01T00:00:00.000Z';
  const accepted = await hold(store, 'gone', { ...named, archive: bytes('accepted'), acceptedAt });
  const twin = await hold(store, 'gone', { chart: 'twin', version: '1.0.0', archive: shared, provenance: 'none' });
  await hold(store, 'gone', { chart: 'fresh', version: '1.0.0', archive: bytes('not committed') });
  const stray = await putBlob(store, bytes('a stray signature'));
  await store.write(attachmentKey('gone', stray.digest), recordBytes({ provenance: stray }));
  const listed = { ...claimOf(twin), version: '2.0.0' };
  await commit(store, 'gone', { kept: [accepted, twin], claims: [claimOf(first), claimOf(twin), listed] });
  await store.write(documentsKey(first.archive.digest), recordBytes({ tooLarge: [] }));
}

/** A version at random: contents are few, so that upstreams share them. */
export interface RandomVersion {
  readonly chart: string;
  readonly version: string;
  readonly content: number;
  readonly signed: boolean;
  readonly committed: boolean;
  readonly accepted: boolean;
}

/** Holds versions and commits some of them. */
export async function fillAtRandom(store: ObjectStore, upstream: string, all: readonly RandomVersion[]): Promise<void> {
  const rows = new Map<string, KeptVersion>();
  for (const { chart, version, content, signed, committed, accepted } of all) {
    const held = await hold(store, upstream, {
      chart,
      version,
      archive: bytes(`content ${content}`),
      ...(signed && {
        provenance: bytes(`signature of ${content}`),
        artifacts: [artifactOf({ word: `of ${content}` })],
      }),
      ...(accepted && { acceptedAt: '2025-02-01T00:00:00.000Z' }),
    });
    if (committed) rows.set(`${chart} ${version}`, held);
  }
  const kept = [...rows.values()];
  await commit(store, upstream, { kept, claims: kept.map(claimOf) });
}

export function inspectorOf({ store, clock }: { readonly store: ObjectStore; readonly clock: ManualClock }) {
  return new StoreInspector({
    store,
    blobs: new Blobs(store),
    jobs: jobsHere,
    upstreams: [settings],
    check: async (archive, expected) => void checkArchive(archive, expected),
    describe: async (archive) => describeArchive(archive),
    intake: new Intake(1e9),
    clock,
  });
}

/** What fsck says of a store. */
export async function inspect(world: { readonly store: ObjectStore; readonly clock: ManualClock }) {
  const inspection = inspectorOf(world).inspect({ repair: false, signal: new AbortController().signal });
  const found: Finding[] = await Array.fromAsync(inspection.findings);
  return { found, counts: inspection.counts(), unconfigured: inspection.unconfigured() };
}

/** Removes what there is of `gone`. */
export function pruneGone(world: { readonly store: ObjectStore; readonly clock: ManualClock }) {
  return inspectorOf(world).prune(['gone'], new AbortController().signal);
}

/** Objects by their keys. */
export type Contents = Readonly<Record<string, string>>;

/** Every object; of the state only what it says of upstreams. */
export async function contentsOf(store: ObjectStore): Promise<Contents> {
  const contents: Record<string, string> = {};
  for (const key of await keysOf(store, '')) {
    const state = key === stateKey ? await stateOf(store) : undefined;
    contents[key] = state ? JSON.stringify(state.upstreams) : (await bytesAt(store, key)).toString('latin1');
  }
  return contents;
}

const settings = settingsOf('kept', new FakeUpstream());
