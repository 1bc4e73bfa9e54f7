import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { hexDigest } from '../../support/charts.ts';
import { run } from '../../support/process.ts';
import { Broken, Observer } from '../observer.ts';
import { Clients } from './replicas-clients.ts';
import { countsOf, Fleet, holdsLease, leaseHolder, syncNow, until, writeConfig } from './replicas-fleet.ts';
import { startRepositories, type GrowingRepositories, type Published } from './replicas-repository.ts';
import { expectSame, expectStored, type Meeting } from './replicas-store.ts';
import { Watch } from './replicas-watch.ts';

/** What one round does. */
export interface RoundPlan {
  readonly home: string;
  readonly meeting: Meeting;
  readonly replicas: number;
  /** New versions while they run. */
  readonly versions: number;
  /** Whether `chartroom sync` runs beside them, twice. */
  readonly syncBeside: boolean;
  /** Within what time after the last commit all serve the same. */
  readonly lagMs: number;
  /** Who is killed: anybody, or who does the upstream work. */
  readonly victim: 'any' | 'holder';
}

/** What was seen in one. */
export interface RoundSeen {
  readonly versions: number;
  /** Until all served the same index, after the last commit that lists something. */
  readonly lagMs: number;
  readonly killedHolder: boolean;
  readonly reads: number;
  readonly cold: number;
  /** Of the cold ones, those that were told to come again. */
  readonly later: number;
}

/** Several, so that replicas that sync at once have different things to say. */
const upstreams = ['nexus', 'harbor', 'museum'];
const charts = 25;
const waves = 12;
/** Of the new versions, those that one replica learns of when all else is over. */
const lastOnes = 10;
/** For each new version: 500 take nine seconds. */
const publishMs = 18;
/** No commit for so long after everything came: none is under way. */
const quietMs = 6_000;
const main = join(import.meta.dirname, '../../../src/main.ts');

/**
 * Replicas start on an empty store while upstream has something, and go on while it publishes the rest. One of them is
 * killed meanwhile, another one started. Rejects with what was broken; all that was started is ended then.
 */
export async function oneRound(plan: RoundPlan): Promise<RoundSeen> {
  const repositories = await startRepositories(upstreams);
  const fleet = new Fleet();
  const story: string[] = [];
  try {
    const seen = await play(plan, repositories, fleet, story);
    await fleet.stop();
    return seen;
  } catch (error) {
    const told = `${plan.replicas} replicas, ${story.join(', ')}`;
    throw new Broken(`${error instanceof Error ? error.message : String(error)} (${told})`, { cause: error });
  } finally {
    await fleet.killAll();
    await repositories.stop();
  }
}

async function play(
  plan: RoundPlan,
  repositories: GrowingRepositories,
  fleet: Fleet,
  story: string[],
): Promise<RoundSeen> {
  const { meeting, versions, lagMs } = plan;
  const names = shuffled(namesOf(charts + versions));
  await repositories.publish(names.slice(0, charts));
  const config = await configure(plan, repositories);
  await Promise.all(Array.from({ length: plan.replicas }, () => fleet.start(config)));
  const observer = new Observer();
  const watch = new Watch(meeting.store, fleet);
  const clients = new Clients(fleet, observer, () => repositories.published, lagMs);
  const happen = async (): Promise<boolean> => {
    const [killedHolder] = await Promise.all([
      killOne(plan, fleet, story).then(async (heldLease) => {
        clients.join(await fleet.start(config));
        return heldLease;
      }),
      publishInWaves(repositories, names.slice(charts, -lastOnes), () => syncEverywhere(fleet)),
      plan.syncBeside && syncTwice(config),
    ]);
    // from now on a replica has a new listing only from another one, or from its own timer
    clients.askNoMore();
    await repositories.publish(names.slice(-lastOnes));
    for (const replica of fleet.living.slice(-1)) for (const upstream of upstreams) await syncNow(replica, upstream);
    await everythingIsHeld(fleet, repositories.published);
    await until('nobody commits any more', async () => watch.quietMs > quietMs);
    await until('all serve the same index', async () => watch.etags.size === 1, lagMs);
    return killedHolder;
  };
  try {
    const killedHolder = await Promise.race([happen(), clients.broken()]);
    await Promise.all([clients.end(), watch.end()]);
    if (watch.lagMs > lagMs) throw new Broken(`the last index was equal ${watch.lagMs} ms after the last commit`);
    await verify(plan, repositories, fleet, observer);
    return { versions, lagMs: watch.lagMs, killedHolder, reads: observer.reads, ...clients.asked };
  } finally {
    await Promise.allSettled([clients.end(), watch.end()]);
  }
}

function configure({ home, meeting }: RoundPlan, { configs }: GrowingRepositories): Promise<string> {
  const defaults = { interval: '10s', requestsPerSecond: 1_000 };
  return writeConfig(home, 'replicas', { store: meeting.config, defaults, upstreams: configs });
}

async function publishInWaves(
  repositories: GrowingRepositories,
  names: readonly string[],
  afterSome: () => Promise<unknown>,
): Promise<void> {
  const size = Math.ceil(names.length / waves);
  for (let at = 0; at < names.length; at += size) {
    await repositories.publish(names.slice(at, at + size));
    const pause = sleep(size * publishMs * 2 * Math.random());
    await Promise.all([pause, Math.random() < 0.5 && afterSome()]);
  }
}

/** All replicas at once, so that their commits meet. */
async function syncEverywhere(fleet: Fleet): Promise<void> {
  const syncs = fleet.living.flatMap((replica) =>
    upstreams.map((upstream) =>
      syncNow(replica, upstream).catch((error: unknown) => {
        if (!replica.dying) throw error;
      }),
    ),
  );
  await Promise.all(syncs);
}

/** Kills one of them at some time while upstream publishes. Answers whether it was the one with the lease. */
async function killOne({ versions, victim }: RoundPlan, fleet: Fleet, story: string[]): Promise<boolean> {
  const afterMs = Math.random() * versions * publishMs;
  await sleep(afterMs);
  const { living } = fleet;
  const anybody = living[Math.floor(Math.random() * living.length)];
  const one = victim === 'holder' ? await leaseHolder(living) : anybody;
  if (!one) throw new Error('nobody lives');
  const heldLease = await holdsLease(one);
  story.push(`${one.name} killed after ${Math.round(afterMs)} ms${heldLease ? ', which held the lease' : ''}`);
  await fleet.kill(one);
  return heldLease;
}

async function syncTwice(config: string): Promise<void> {
  for (const turn of ['first', 'second']) {
    const { code, stdout, stderr } = await run(process.execPath, [main, 'sync', '--config', config]);
    if (code !== 0) throw new Broken(`the ${turn} sync beside them ended with ${code}: ${stdout}${stderr}`);
  }
}

async function everythingIsHeld(fleet: Fleet, published: readonly Published[]): Promise<void> {
  await until(
    `every replica lists and holds all ${published.length} versions`,
    async () => {
      const counts = await Promise.all(fleet.living.map(countsOf));
      return counts.every(({ versions, held }) => versions === published.length && held === published.length);
    },
    120_000,
  );
}

/** Every version is listed once everywhere, with its digest, and served as it was published; so says the store. */
async function verify(
  { meeting, syncBeside }: RoundPlan,
  repositories: GrowingRepositories,
  fleet: Fleet,
  observer: Observer,
): Promise<void> {
  const { published } = repositories;
  const indexes = await Promise.all(fleet.living.map(({ url }) => indexOf(url)));
  if (new Set(indexes).size !== 1) throw new Broken(`the indexes differ: ${indexes.join(', ')}`);
  const expected = published.map(({ chart, version, digest }) => `${chart} ${version} ${digest}`);
  for (const { name, url } of fleet.living) {
    const rows = await observer.index(url);
    const listed = rows.map(({ chart, version, digest }) => `${chart} ${version} ${digest}`);
    expectSame(`version in the index of ${name}`, listed, expected);
    for (const { path, archive } of published) {
      const { body } = await observer.read(url, path);
      if (!body.equals(archive)) throw new Broken(`${name} answers ${path} with other bytes than were published`);
    }
  }
  await expectStored(meeting.store, published);
  const processes = fleet.started + (syncBeside ? 2 : 0);
  for (const one of published) {
    const count = repositories.count(one);
    if (count > processes) throw new Broken(`${one.source} was fetched ${count} times by ${processes} processes`);
  }
}

/** The digest of the bytes, which must be what the entity tag says. */
async function indexOf(url: string): Promise<string> {
  const answer = await fetch(`${url}/index.yaml`, { headers: { 'accept-encoding': 'identity' } });
  const [etag, digest] = [answer.headers.get('etag'), hexDigest(await answer.bytes())];
  if (etag !== `"${digest}"`) throw new Broken(`${url}/index.yaml is ${digest}, and has the entity tag ${etag}`);
  return digest;
}

/** Versions of a few charts, some of them prereleases and with build metadata. */
function namesOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => {
    const suffix = ['', '-rc.1', '+build.7'][at % 3];
    return `chart-${at % charts} 1.${Math.floor(at / charts)}.0${suffix}`;
  });
}

function shuffled<T>(all: readonly T[]): readonly T[] {
  return all
    .map((one) => ({ one, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ one }) => one);
}
