import { Catalog } from '../../src/chart/catalog.ts';
import { digestOf } from '../../src/chart/digest.ts';
import { Snapshot } from '../../src/chart/holding.ts';
import { checkArchive, describeArchive } from '../../src/formats/chart-archive.ts';
import { recordOf } from '../../src/mirror/committing/state.ts';
import { Tables } from '../../src/mirror/committing/tables.ts';
import type { Finding } from '../../src/mirror/contract/commands.ts';
import { Intake } from '../../src/mirror/fetching/intake.ts';
import { StoreInspector } from '../../src/mirror/fsck/inspector.ts';
import type { UpstreamSettings } from '../../src/mirror/settings.ts';
import { Blobs } from '../../src/store/blobs.ts';
import type { ObjectStore } from '../../src/store/contract.ts';
import { blobKey } from '../../src/store/layout.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { chartArchive } from '../support/charts.ts';
import { ManualClock } from '../support/clock.ts';
import { bytesAt, openEngine, watchedStore, type TestEngine, type WatchedStore } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { claimOf, commit, hold, jobsHere, stateOf } from '../support/kept-store.ts';

export const signature = Buffer.from('-----BEGIN PGP SIGNED MESSAGE-----\n\nname: demo\n');

/** A store with two upstreams of which everything is held, and what it takes to look it over. */
export async function openWorld() {
  const clock = new ManualClock();
  const store = watchedStore(memoryStore({ clock }));
  const [nexus, ghcr] = [new FakeUpstream(), new FakeUpstream('registry')];
  const archives = {
    demo: await chartArchive({ name: 'demo', version: '1.0.0' }),
    old: await chartArchive({ name: 'old', version: '0.9.0' }),
    tagged: await chartArchive({ name: 'tagged', version: '0.1.0' }),
  };
  await nexus.publish('demo', '1.0.0', { archive: archives.demo, provenance: signature });
  const { source } = await ghcr.publish('tagged', '0.1.0', { archive: archives.tagged });
  const demo = await hold(store, 'nexus', {
    chart: 'demo',
    version: '1.0.0',
    archive: archives.demo,
    provenance: signature,
  });
  // withdrawn: upstream has it no more
  const old = await hold(store, 'nexus', { chart: 'old', version: '0.9.0', archive: archives.old });
  await commit(store, 'nexus', { kept: [demo, old], claims: [claimOf(demo), { ...claimOf(old), missing: 3 }] });
  const description = await ghcr.describe(source);
  if (!description) throw new Error('the fake does not describe what it lists');
  const documents = { manifest: description.manifest, config: description.config };
  const tagged = await hold(store, 'ghcr', { chart: 'tagged', version: '0.1.0', archive: archives.tagged, documents });
  const { manifest, config } = tagged;
  if (!manifest || !config) throw new Error('there are documents');
  const claim = { ...claimOf(tagged), source: description.claim.source, tag: source, documents: { manifest, config } };
  await commit(store, 'ghcr', { kept: [tagged], claims: [claim] });
  ghcr.calls.length = 0;
  return { clock, store, nexus, ghcr, archives, demo, old, tagged, documents };
}

export type World = Awaited<ReturnType<typeof openWorld>>;

/** Looks the store over. */
export async function inspect(
  world: Pick<World, 'clock' | 'store' | 'nexus' | 'ghcr'>,
  options: { readonly repair?: boolean; readonly configured?: readonly string[]; readonly retired?: boolean } = {},
) {
  const { store, clock } = world;
  const settings = settingsOf(world, options.retired ?? false);
  const inspector = new StoreInspector({
    store,
    blobs: new Blobs(store),
    jobs: jobsHere,
    upstreams: settings.filter(({ name }) => options.configured?.includes(name) ?? true),
    check: async (bytes, expected) => void checkArchive(bytes, expected),
    describe: async (bytes) => describeArchive(bytes),
    intake: new Intake(1e9),
    clock,
  });
  const inspection = inspector.inspect({
    repair: options.repair ?? false,
    signal: new AbortController().signal,
  });
  const found: Finding[] = [];
  for await (const finding of inspection.findings) found.push(finding);
  return { found, kinds: found.map(({ kind }) => kind), counts: inspection.counts() };
}

/** What a server makes of the store: every chart version it lists and what it serves for each. */
export async function served({ store, nexus, ghcr, clock }: World): Promise<TestEngine> {
  return openEngine({ upstreams: { nexus, ghcr: { upstream: ghcr, type: 'registry' } }, store, clock });
}

/** Turns a byte round in the middle of an object. */
export async function spoil(store: ObjectStore, key: string): Promise<void> {
  const bytes = Buffer.from(await bytesAt(store, key));
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 0xff;
  await store.write(key, bytes);
}

/** Whether a blob is there and is what its name says. */
export async function isSound(store: WatchedStore, bytes: Uint8Array): Promise<boolean> {
  const key = blobKey(digestOf(bytes));
  return (await store.head(key)) !== undefined && digestOf(await bytesAt(store, key)) === digestOf(bytes);
}

function settingsOf({ nexus, ghcr }: Pick<World, 'nexus' | 'ghcr'>, retired: boolean): readonly UpstreamSettings[] {
  const usual = {
    url: 'https://charts.example',
    intervalMs: 120_000,
    retired,
    withdrawn: 'keep' as const,
    rewritten: 'refuse' as const,
    maxShrink: 0.5,
    warnings: [],
    mirror: 'requested' as const,
    concurrency: 4,
    retries: 1,
    maxArchiveBytes: 1024 * 1024,
    unlisted: false,
    charts: ['*'],
    versions: [],
  };
  return [
    { ...usual, name: 'nexus', type: 'chart-repository', upstream: nexus },
    { ...usual, name: 'ghcr', type: 'registry', upstream: ghcr },
  ];
}

/** What the state says of an upstream it knows. */
export async function recordOfUpstream({ store }: World, upstream: string) {
  const state = await stateOf(store);
  const record = state && recordOf(state, upstream);
  if (!record) throw new Error(`the state does not know ${upstream}`);
  return record;
}

export async function catalogOf(world: World, upstream: string): Promise<Catalog> {
  const { catalog } = await recordOfUpstream(world, upstream);
  if (!catalog) throw new Error('there is no catalog');
  return new Catalog(await new Tables(world.store, jobsHere).load('catalog', catalog));
}

export async function snapshotOf(world: World, upstream: string): Promise<Snapshot> {
  const { snapshot } = await recordOfUpstream(world, upstream);
  if (!snapshot) throw new Error('there is no snapshot');
  return new Snapshot(await new Tables(world.store, jobsHere).load('snapshot', snapshot));
}
