import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { openEngine, pass, turn, watchedStore, type TestEngine, type TestRepository } from '../support/engine.ts';
import { FakeUpstream, type Row } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';
import { pull } from '../support/pulled-image.ts';

const signature = Buffer.from('-----BEGIN PGP SIGNED MESSAGE-----\n\nname: demo\n');
const kinds = ['chart-repository', 'registry'] as const;
const everything = ['tag', 'manifest', 'config', 'archive', 'provenance'];

/** Two upstreams with a chart each, each in a repository of its own and both in one. */
async function open(kind: (typeof kinds)[number]) {
  const [left, right] = [new FakeUpstream(kind), new FakeUpstream(kind)];
  const row = await left.publish('demo', '1.0.0', { provenance: signature });
  await left.publish('demo', '1.1.0');
  await left.publish('other', '1.0.0');
  await right.publish('more', '1.0.0');
  const upstreams = { left: { upstream: left, type: kind }, right: { upstream: right, type: kind } };
  const repositories = (both: TestRepository = {}): Readonly<Record<string, TestRepository>> => ({
    both: { upstreams: ['left', 'right'], ...both },
    left: { upstreams: ['left'] },
    right: { upstreams: ['right'] },
  });
  const store = watchedStore();
  const chartroom = await openEngine({ upstreams, repositories: repositories(), store });
  for (const name of ['left', 'right']) await chartroom.operator.sync(name);
  await pass(chartroom.clock, 20_000, 10_000);
  return { left, row, upstreams, repositories, store, chartroom };
}

/** Everything that demo 1.0.0 has, told and opened once. */
async function told(chartroom: TestEngine, { source, archive = signature }: Row) {
  const { images, reader } = chartroom;
  const { descriptor } = await images.tagged({ repository: 'both', chart: 'demo' }, '1.0.0');
  const kept = await reader.resolve({ repository: 'both', chart: 'demo', version: '1.0.0' });
  const derived = kept.images?.[0]?.config.digest;
  const config = derived ?? digestOf(Buffer.from(`{"config":"${source}"}`));
  return { manifest: descriptor.digest, config, archive: digestOf(archive), provenance: digestOf(signature) };
}

/** What whoever asks for each of it gets: its code, or `open`. */
async function askFor(
  { images, clock }: TestEngine,
  [repository, chart]: readonly [string, string],
  digests: Awaited<ReturnType<typeof told>>,
) {
  const name = { repository, chart };
  const asks: Readonly<Record<string, () => unknown>> = {
    tag: () => images.tagged(name, '1.0.0'),
    manifest: () => images.manifest(name, digests.manifest),
    config: () => images.blob(name, digests.config),
    archive: () => images.blob(name, digests.archive),
    provenance: () => images.blob(name, digests.provenance),
  };
  const answers: string[] = [];
  for (const [what, ask] of Object.entries(asks)) {
    const answer = Promise.resolve().then(ask);
    answers.push(
      `${what}: ${await answer.then(
        () => 'open',
        async () => (await faultOf(answer)).code,
      )}`,
    );
    await pass(clock, 3_000, 3_000);
  }
  return answers;
}

const all = (what: string) => everything.map((part) => `${part}: ${what}`);

describe.each(kinds)('a digest of a chart from a %s', (kind) => {
  test('opens what that chart has in each repository that offers it', async () => {
    const world = await open(kind);
    const digests = await told(world.chartroom, world.row);

    expect(await askFor(world.chartroom, ['both', 'demo'], digests)).toEqual(all('open'));
    expect(await askFor(world.chartroom, ['left', 'demo'], digests)).toEqual(all('open'));
  });

  test('opens nothing under another chart, or in a repository that does not have it', async () => {
    const world = await open(kind);
    const digests = await told(world.chartroom, world.row);
    const [, ...byDigest] = all('not-found');

    expect((await askFor(world.chartroom, ['both', 'other'], digests)).slice(1)).toEqual(byDigest);
    expect((await askFor(world.chartroom, ['both', 'more'], digests)).slice(1)).toEqual(byDigest);
    expect(await askFor(world.chartroom, ['right', 'demo'], digests)).toEqual(all('not-found'));
    expect(await askFor(world.chartroom, ['both', 'none'], digests)).toEqual(all('not-found'));
  });

  test.each([
    ['a filter', { versions: [['demo', '>=1.1']] } as TestRepository, 'not-found'],
    ['a filter of names', { charts: ['*', '!demo'] }, 'not-found'],
    ['another owner', { owners: [['demo', 'right']] } as TestRepository, 'not-found'],
    ['a rule', { deny: [{ text: 'demo@1.0.0', chart: 'demo', range: '1.0.0' }] } as TestRepository, 'denied'],
  ])('opens nothing from the moment on at which %s hides it', async (_name, rules, code) => {
    const { upstreams, repositories, chartroom, row } = await open(kind);
    const digests = await told(chartroom, row);
    await askFor(chartroom, ['both', 'demo'], digests);
    await chartroom.reconfigure({ upstreams, repositories: repositories(rules) });

    expect(await askFor(chartroom, ['both', 'demo'], digests)).toEqual(all(code));
    expect(await askFor(chartroom, ['left', 'demo'], digests)).toEqual(all('open'));
    await chartroom.reconfigure({ upstreams, repositories: repositories() });
    expect(await askFor(chartroom, ['both', 'demo'], digests)).toEqual(all('open'));
  });

  test('opens nothing to whoever waits while a rule comes that hides it', async () => {
    const { upstreams, repositories, chartroom, left } = await open(kind);
    const gate = Promise.withResolvers<void>();
    left.before.open = () => gate.promise;
    const deny = [{ text: 'demo', chart: 'demo' }];
    const waiting = faultOf(pull(chartroom.images, { repository: 'both', chart: 'demo' }, '1.0.0'));
    const beside = chartroom.images.tagged({ repository: 'left', chart: 'demo' }, '1.0.0');
    await turn();
    await chartroom.reconfigure({ upstreams, repositories: repositories({ deny }) });
    gate.resolve();

    expect((await waiting).code).toBe('denied');
    expect((await beside).bytes.length).toBeGreaterThan(0);
  });

  test.each(['manifest', 'config', 'archive'] as const)(
    'is denied with the version whose %s a rule names',
    async (part) => {
      const { upstreams, repositories, chartroom, row } = await open(kind);
      const digests = await told(chartroom, row);
      const deny = [{ text: 'a digest', chart: 'demo', digest: digests[part] }];
      await chartroom.reconfigure({ upstreams, repositories: repositories({ deny }) });

      expect(await askFor(chartroom, ['both', 'demo'], digests)).toEqual(all('denied'));
      expect(await askFor(chartroom, ['left', 'demo'], digests)).toEqual(all('open'));
    },
  );

  test('that a rule names opens nothing, also of a provenance', async () => {
    const { upstreams, repositories, chartroom, row } = await open(kind);
    const digests = await told(chartroom, row);
    const deny = [{ text: 'a digest', chart: 'demo', digest: digests.provenance }];
    await chartroom.reconfigure({ upstreams, repositories: repositories({ deny }) });

    const [tag, manifest, config, archive] = all('open');
    const answers = await askFor(chartroom, ['both', 'demo'], digests);
    expect(answers).toEqual([tag, manifest, config, archive, 'provenance: denied']);
  });

  test('opens nothing that is only in the store', async () => {
    const { chartroom } = await open(kind);
    const { digest } = await chartroom.engine.blobs.put(Buffer.from('a blob of nobody'), 'text/plain');

    const name = { repository: 'both', chart: 'demo' };
    expect((await faultOf(Promise.resolve().then(() => chartroom.images.blob(name, digest)))).code).toBe('not-found');
  });

  test('is fetched again when its bytes are lost', async () => {
    const world = await open(kind);
    const digests = await told(world.chartroom, world.row);
    await world.chartroom.operator.settled();
    for await (const { key } of world.store.list('blobs/')) await world.store.remove(key);
    const { upstreams, repositories, store } = world;
    const later = await openEngine({ upstreams, repositories: repositories(), store });

    expect(await askFor(later, ['both', 'demo'], digests)).toEqual(all('open'));
    const name = { repository: 'both', chart: 'demo' };
    for (const digest of [digests.config, digests.archive, digests.provenance]) {
      await (await later.images.blob(name, digest)).open();
    }
    expect(later.status('left').fault).toBeUndefined();
  });

  test.each([{ versions: [['demo', '>=1.1']] }, { deny: [{ text: 'demo', chart: 'demo', range: '1.0.0' }] }] as const)(
    'that two versions have opens as long as one of them is offered: %j',
    async (rules) => {
      const { upstreams, repositories, chartroom, left } = await open(kind);
      await left.publish('demo', '1.2.0', { provenance: signature });
      await chartroom.operator.sync('left');
      await pass(chartroom.clock, 20_000, 10_000);
      const name = { repository: 'both', chart: 'demo' };
      for (const tag of ['1.0.0', '1.2.0']) await chartroom.images.tagged(name, tag);
      await chartroom.reconfigure({ upstreams, repositories: repositories(rules) });

      const { descriptor } = await chartroom.images.blob(name, digestOf(signature));
      expect(descriptor.digest).toBe(digestOf(signature));
    },
  );
});

test('under merge each version is opened by who provides it', async () => {
  const [left, right] = [new FakeUpstream(), new FakeUpstream()];
  await left.publish('demo', '1.0.0');
  const hidden = await right.publish('demo', '1.0.0', { metadata: { description: 'the other one' } });
  await right.publish('demo', '2.0.0');
  const repositories = { all: { overlap: 'merge' as const } };
  const chartroom = await openEngine({ upstreams: { left, right }, repositories });
  for (const name of ['left', 'right']) await chartroom.operator.sync(name);
  const name = { repository: 'all', chart: 'demo' };
  const pulled = [await pull(chartroom.images, name, '1.0.0'), await pull(chartroom.images, name, '2.0.0')];

  for (const { digest, manifest } of pulled) {
    expect((await pull(chartroom.images, name, digest)).manifest).toEqual(manifest);
  }
  const others = faultOf(Promise.resolve().then(() => chartroom.images.blob(name, hidden.digest ?? 'sha256:')));
  expect((await others).code).toBe('not-found');
});
