import { Fault } from '../../chart/fault.ts';
import type { Clock } from '../../lib/clock.ts';
import type { ObjectStore } from '../../store/contract.ts';
import { attachmentPlace, catalogKey, holdingPlace, snapshotKey, stateKey } from '../../store/layout.ts';
import { changeState, examine } from '../committing/examine.ts';
import { parseState, recordOf, type State } from '../committing/state.ts';
import { Tables } from '../committing/tables.ts';
import type { Pruned } from '../contract/commands.ts';
import type { MirrorJobs } from '../jobs.ts';
import { Names, type LoadTable } from '../retention/names.ts';
import { mapInOrder } from '../retention/ordered.ts';
import { sweep } from '../retention/sweep.ts';
import { upstreamsAtWork } from './at-work.ts';

export interface PruneParts {
  readonly store: ObjectStore;
  readonly jobs: MirrorJobs;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const removalsAtOnce = 8;

/**
 * Removes all that the store keeps of some upstreams, and then whatever nothing names. The state is the first to forget
 * them, then their records go, and then the sweep takes what those named, with its own rules: shared bytes stay, and what
 * was written within a day. Whatever dies in between leaves garbage, never a lie, and doing it again finishes it.
 */
export async function prune(parts: PruneParts, upstreams: readonly string[]): Promise<Pruned> {
  const { store, jobs, clock, signal } = parts;
  const gone = new Set(upstreams);
  const tables = new Tables(store, jobs);
  const load: LoadTable = (kind, digest) => tables.load(kind, digest);
  const state = await requireReadable(store, load, gone);
  await requireNobodyAtWork(parts, upstreams);
  const memory = { unnamed: await unnamedTables(store, without(state, gone)) };
  await changeState(store, clock, async (now) =>
    upstreams.some((name) => recordOf(now, name)) ? without(now, gone) : undefined,
  );
  let records = 0;
  for (const upstream of upstreams) records += await removeRecords(parts, upstream);
  const swept = await sweep({ store, tidy: async () => 0, load, clock, signal, memory });
  signal.throwIfAborted();
  return {
    objects: records + swept.blobs + swept.tables + swept.derived,
    bytes: swept.bytes,
    young: swept.left,
    left: await leftOf(store, upstreams),
  };
}

/** What cannot be read may name anything: the sweep would refuse, and had better do so before something is gone. */
async function requireReadable(store: ObjectStore, load: LoadTable, gone: ReadonlySet<string>): Promise<State> {
  const found = await examine(store, stateKey, parseState);
  if (!found?.value) {
    const how = found ? 'damaged' : 'missing';
    throw new Fault('store-failed', `Nothing was pruned: state.json is ${how}.`, 'Run chartroom fsck --repair first.');
  }
  await new Names(store, load, (upstream) => !gone.has(upstream)).refresh().catch((error: unknown) => {
    if (!(error instanceof Fault)) throw error;
    throw new Fault('store-failed', `Nothing was pruned: ${error.message}`, error.advice, { cause: error });
  });
  return found.value;
}

async function requireNobodyAtWork(parts: PruneParts, upstreams: readonly string[]): Promise<void> {
  const named = await upstreamsAtWork(parts, upstreams);
  if (named.length === 0) return;
  throw new Fault(
    'unavailable',
    `Nothing was pruned: a server is running that works for ${named.join(', ')}.`,
    'Take that out of the configuration of every server first.',
  );
}

function without(state: State, gone: ReadonlySet<string>): State {
  const kept = Object.entries(state.upstreams).filter(([name]) => !gone.has(name));
  return { ...state, upstreams: Object.fromEntries(kept) };
}

/** The sweep removes only tables that were not named before either: a server may have read the state a moment ago. */
async function unnamedTables(store: ObjectStore, { upstreams }: State): Promise<ReadonlySet<string>> {
  const named = new Set<string>();
  for (const { catalog, snapshot } of Object.values(upstreams)) {
    if (catalog) named.add(catalogKey(catalog));
    if (snapshot) named.add(snapshotKey(snapshot));
  }
  const unnamed = new Set<string>();
  for (const prefix of ['catalogs/', 'snapshots/']) {
    for await (const { key } of store.list(prefix)) if (!named.has(key)) unnamed.add(key);
  }
  return unnamed;
}

/** Replacements go before first bytes: a replacement alone would be of nothing. */
async function removeRecords({ store, signal }: PruneParts, upstream: string): Promise<number> {
  const keys = await recordsOf(store, upstream);
  const isReplacement = (key: string): boolean => holdingPlace(key)?.first === false;
  for (const some of [keys.filter(isReplacement), keys.filter((key) => !isReplacement(key))]) {
    for await (const _ of mapInOrder(some, removalsAtOnce, (key) => store.remove(key))) signal.throwIfAborted();
  }
  return keys.length;
}

async function recordsOf(store: ObjectStore, upstream: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for (const prefix of [`holdings/${upstream}/`, `attachments/${upstream}/`]) {
    for await (const { key } of store.list(prefix)) if (holdingPlace(key) ?? attachmentPlace(key)) keys.push(key);
  }
  return keys;
}

/** A fill, or a server that names them and does not hold the lease, may have been at work meanwhile. */
async function leftOf(store: ObjectStore, upstreams: readonly string[]): Promise<readonly string[]> {
  const state = await examine(store, stateKey, parseState);
  const left: string[] = [];
  for (const name of upstreams) {
    const record = state?.value && recordOf(state.value, name);
    if (record || (await recordsOf(store, name)).length > 0) left.push(name);
  }
  return left;
}
