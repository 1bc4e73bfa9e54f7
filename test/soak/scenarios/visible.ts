import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { inHome } from '../../support/home.ts';
import { startVersitygw } from '../../support/versitygw.ts';
import { Broken, Observer } from '../observer.ts';
import type { Scenario } from '../scenario.ts';
import { Fleet, leaseHolder, until, writeConfig, type Replica } from './replicas-fleet.ts';
import { meetInBucket } from './replicas-store.ts';
import { registryWithNews, repositoryWithNews, type NewsSource, type Offered } from './visible-upstreams.ts';

const intervalMs = 10_000;
const listedWithinMs = intervalMs + 5_000;
const namedWithinMs = 2_000;

/** How soon what upstream has can be had from us. */
export const visible: Scenario = {
  name: 'visible',
  promise: 'A new version is listed by every replica within the interval and 5 s, and to be had by name within 2 s.',
  run: (rounds) => visibleRounds({ cycles: Math.min(rounds, 100), registry: true, patienceMs: 0 }),
};

interface Visible {
  /** Each takes about an interval. */
  readonly cycles: number;
  /** Whether a registry is looked at, too: it needs real tools. */
  readonly registry: boolean;
  /** What is allowed beside the promised times, for a machine that has other things to do. */
  readonly patienceMs: number;
}

/** As the scenario, as large as one wants it. */
export function visibleRounds({ cycles, registry, patienceMs }: Visible): Promise<string> {
  return inHome(async (home, cleanUp) => {
    const gateway = await startVersitygw(join(home, 's3'));
    cleanUp(() => gateway.stop());
    const { config: store, close } = await meetInBucket(gateway, 'visible/');
    close();
    const sources = [await repositoryWithNews(), ...(registry ? [await registryWithNews(home)] : [])];
    for (const source of sources) cleanUp(() => source.stop());
    for (const source of sources) await source.publish();
    const upstreams = sources.map(({ config }) => config);
    const config = await writeConfig(home, 'visible', { store, upstreams });
    const fleet = new Fleet();
    cleanUp(() => fleet.killAll());
    await Promise.all([1, 2].map(() => fleet.start(config)));
    const holder = await leaseHolder(fleet.living);
    const other = fleet.living.find((replica) => replica !== holder);
    if (!other) throw new Error('there is one replica only');
    const seen = { listed: new Times(), atHolder: new Times(), atOther: new Times() };
    const observer = new Observer();
    for (let cycle = 0; cycle < cycles; cycle += 1) {
      for (const source of sources) {
        seen.atHolder.add(await hadByName(holder, source, observer, patienceMs));
        seen.atOther.add(await hadByName(other, source, observer, patienceMs));
      }
      seen.listed.add(await listedByAll(fleet.living, sources, observer, patienceMs));
    }
    await fleet.stop();
    const kinds = registry ? 'a chart repository and a registry' : 'a chart repository';
    return `${cycles} cycles over ${kinds}, interval 10 s: listed by both replicas after ${seen.listed}; by name after ${seen.atHolder} at the holder of the lease, ${seen.atOther} at the other`;
  });
}

/** How long things took: the middle one and the longest. */
class Times {
  readonly #all: number[] = [];

  add(ms: number): void {
    this.#all.push(ms);
  }

  toString(): string {
    const sorted = this.#all.toSorted((a, b) => a - b);
    const [middle, last] = [sorted[Math.floor(sorted.length / 2)] ?? 0, sorted.at(-1) ?? 0];
    return `${(middle / 1000).toFixed(1)} s (at worst ${(last / 1000).toFixed(1)} s)`;
  }
}

/** One request, right after it was published; with patience another one as long as it is told to come again. */
async function hadByName(
  replica: Replica,
  source: NewsSource,
  observer: Observer,
  patienceMs: number,
): Promise<number> {
  await source.untilAskable();
  const one = await source.publish();
  const askedMs = performance.now();
  for (;;) {
    const { status, headers, body } = await observer.read(replica.url, one.path);
    const tookMs = performance.now() - askedMs;
    if (tookMs > namedWithinMs + patienceMs) throw new Broken(`${one.path} by name took ${Math.round(tookMs)} ms`);
    if (status === 200) return tookMs;
    const isLater = patienceMs > 0 && status === 504 && headers.has('retry-after');
    if (!isLater) throw new Broken(`${one.path} by name was answered with ${status}: ${body.toString('utf8')}`);
    await sleep(200);
  }
}

/** Published at the worst moment. Answers how long the last replica took for the last of the versions. */
async function listedByAll(
  replicas: readonly Replica[],
  sources: readonly NewsSource[],
  observer: Observer,
  patienceMs: number,
): Promise<number> {
  for (const source of sources) await source.untilListed();
  const published = await Promise.all(sources.map((source) => source.publish()));
  const withinMs = listedWithinMs + patienceMs;
  const times = replicas.flatMap(({ url }) => published.map((one) => listedAfter(url, one, withinMs)));
  const tookMs = Math.max(...(await Promise.all(times)));
  if (tookMs > withinMs) throw new Broken(`a new version was listed after ${Math.round(tookMs)} ms`);
  for (const { url } of replicas) {
    const rows = await observer.index(url);
    const wrong = published.find(({ path, digest }) => !rows.some((row) => row.path === path && row.digest === digest));
    if (wrong) throw new Broken(`${url} does not list ${wrong.path} with its digest`);
  }
  return tookMs;
}

/** How long ago it was published when it is seen in an index. */
async function listedAfter(url: string, one: Offered, withinMs: number): Promise<number> {
  let tookMs = Number.POSITIVE_INFINITY;
  await until(
    `${one.chart} ${one.version} is listed at ${url}`,
    async () => {
      const answer = await fetch(`${url}/index.yaml`);
      const { entries } = (await answer.json()) as { readonly entries: Record<string, { version: string }[]> };
      tookMs = performance.now() - one.atMs;
      return entries[one.chart]?.some(({ version }) => version === one.version) ?? false;
    },
    withinMs,
  );
  return tookMs;
}
