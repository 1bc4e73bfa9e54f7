import { describe, expect, test } from 'vitest';

import { digestOf, type Digest } from '../../src/chart/digest.ts';
import { readAll, type OpenBytes } from '../../src/lib/bytes.ts';
import { chartArchive } from '../support/charts.ts';
import {
  openEngine,
  pass,
  storeGone,
  turn,
  watchedStore,
  type TestEngine,
  type TestRepository,
} from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

const ref = { repository: 'all', chart: 'demo', version: '1.0.0' };
const denying = (rest: { range?: string; digest?: Digest } = {}): TestRepository => ({
  deny: [{ text: 'demo@rule', chart: 'demo', ...rest }],
});

async function world(rules: TestRepository = {}, kind: 'chart-repository' | 'registry' = 'chart-repository') {
  const upstream = new FakeUpstream(kind);
  await upstream.publish('other', '1.0.0');
  const store = watchedStore();
  const upstreams = { nexus: { upstream, type: kind } };
  const chartroom = await openEngine({ upstreams, repositories: { all: rules }, store });
  const configure = (all: TestRepository) => chartroom.reconfigure({ upstreams, repositories: { all } });
  const sync = async () => {
    await chartroom.operator.sync('nexus');
    await pass(chartroom.clock, 10_000, 10_000);
  };
  return { upstream, store, chartroom, configure, sync };
}

async function bytesOf(opened: OpenBytes | undefined): Promise<Buffer | undefined> {
  return opened && (Buffer.isBuffer(opened.body) ? opened.body : readAll(opened.body, 1e9));
}

const open = async (chartroom: TestEngine, digest: Digest, repository = 'all') =>
  bytesOf(await chartroom.reader.open(repository, digest));

describe('a reload that denies a version', () => {
  test('refuses it to whoever waits while it is fetched, and the bytes that come all the same', async () => {
    const { upstream, chartroom, configure, sync } = await world();
    const { archive } = await upstream.publish('demo', '1.0.0');
    await sync();
    const gate = Promise.withResolvers<void>();
    upstream.before.open = () => gate.promise;

    const waiting = faultOf(chartroom.archive('demo', '1.0.0'));
    const signature = faultOf(chartroom.provenance('demo', '1.0.0'));
    await turn();
    await configure(denying());
    gate.resolve();

    expect(await waiting).toMatchObject({ code: 'denied', message: expect.stringContaining('demo@rule') as string });
    expect((await signature).code).toBe('denied');
    expect(await open(chartroom, digestOf(archive ?? Buffer.of()))).toBeUndefined();
  });

  test('refuses the provenance that comes all the same, of an archive that is held', async () => {
    const { upstream, chartroom, configure, sync } = await world();
    await upstream.publish('demo', '1.0.0', { provenance: Buffer.from('-----BEGIN PGP SIGNED MESSAGE-----\n') });
    await sync();
    await chartroom.archive('demo', '1.0.0');
    const gate = Promise.withResolvers<void>();
    upstream.before.open = () => gate.promise;

    const waiting = faultOf(chartroom.provenance('demo', '1.0.0'));
    await turn();
    await configure(denying());
    gate.resolve();

    expect((await waiting).code).toBe('denied');
  });

  test('refuses what was resolved a moment ago and is in memory', async () => {
    const { upstream, chartroom, configure, sync } = await world();
    await upstream.publish('demo', '1.0.0');
    await sync();
    const { archive } = await chartroom.reader.resolve(ref);
    await configure(denying());

    expect(() => chartroom.reader.open('all', archive.digest)).toThrow(/denied in all by the rule demo@rule/);
    expect(() => chartroom.reader.resolve(ref)).toThrow(/denied/);
  });

  test('gives it back, without asking anybody, when it is taken back', async () => {
    const { upstream, chartroom, configure, sync } = await world();
    const { archive } = await upstream.publish('demo', '1.0.0');
    await sync();
    await chartroom.archive('demo', '1.0.0');
    await configure(denying());
    upstream.down = unreachable();
    await configure({});

    expect(await chartroom.archive('demo', '1.0.0')).toEqual(archive);
  });

  test('answers for what nobody has as well, also while upstream is down, and asks nobody', async () => {
    const { upstream, chartroom, sync } = await world(denying({ range: '<2' }));
    await sync();
    upstream.down = unreachable();
    upstream.calls.length = 0;

    expect((await faultOf(chartroom.archive('demo', '1.0.0'))).code).toBe('denied');
    expect((await faultOf(chartroom.provenance('demo', 'v1'))).code).toBe('denied');
    expect(upstream.calls).toEqual([]);
  });
});

describe('a digest that is denied', () => {
  test('is denied by digest, whoever has it and whether it was asked for by name or not', async () => {
    const { upstream, chartroom, configure, sync } = await world();
    const { digest } = await upstream.publish('demo', '1.0.0');
    await sync();
    if (!digest) throw new Error('it has none');
    await configure(denying({ digest }));

    expect(() => chartroom.reader.open('all', digest)).toThrow(/denied/);
  });

  test('is denied also of bytes that nobody promised and that are held since a moment ago', async () => {
    const { upstream, chartroom, configure, sync } = await world();
    await upstream.publish('demo', '1.0.0', { digest: undefined });
    await sync();
    const { archive } = await chartroom.reader.resolve(ref);
    await configure(denying({ digest: archive.digest }));

    expect(() => chartroom.reader.open('all', archive.digest)).toThrow(/denied/);
  });

  test('is not served from the moment on in which an operator accepts it', async () => {
    const other = await chartArchive({ name: 'demo', version: '1.0.0', description: 'other bytes' });
    const { upstream, store, chartroom, sync } = await world(denying({ digest: digestOf(other) }));
    await upstream.publish('demo', '1.0.0');
    await sync();
    await chartroom.archive('demo', '1.0.0');
    upstream.withdraw('demo', '1.0.0');
    await upstream.publish('demo', '1.0.0', { archive: other });
    await sync();
    const gate = Promise.withResolvers<void>();
    store.beforeWrite = (key) => (key === 'state.json' ? gate.promise : undefined);

    const accepting = chartroom.operator.accept({ upstream: 'nexus', chart: 'demo', version: '1.0.0' });
    await turn();
    // held by now, and not committed
    expect(chartroom.known('nexus').held('demo', '1.0.0')?.archive.digest).toBe(digestOf(other));
    expect((await faultOf(chartroom.archive('demo', '1.0.0'))).code).toBe('denied');
    gate.resolve();
    await accepting;

    expect((await faultOf(chartroom.archive('demo', '1.0.0'))).code).toBe('denied');
  });
});

describe('bytes that an operator accepts', () => {
  test('are decided by what they are: not served when they are deprecated and such are not offered', async () => {
    const metadata = { deprecated: true };
    const { upstream, store, chartroom, sync } = await world({ deprecated: false });
    await upstream.publish('demo', '1.0.0');
    await sync();
    await chartroom.archive('demo', '1.0.0');
    upstream.withdraw('demo', '1.0.0');
    await upstream.publish('demo', '1.0.0', { metadata });
    await sync();
    const gate = Promise.withResolvers<void>();
    store.beforeWrite = (key) => (key === 'state.json' ? gate.promise : undefined);

    const accepting = chartroom.operator.accept({ upstream: 'nexus', chart: 'demo', version: '1.0.0' });
    await turn();
    const asked = faultOf(chartroom.archive('demo', '1.0.0'));
    await turn();
    gate.resolve();
    await accepting;

    expect(await asked).toMatchObject({ code: 'not-found', message: expect.stringContaining('deprecated') as string });
  });

  test('take the place of those before by digest too', async () => {
    const { upstream, chartroom, sync } = await world();
    const { digest } = await upstream.publish('demo', '1.0.0');
    await sync();
    await chartroom.archive('demo', '1.0.0');
    upstream.withdraw('demo', '1.0.0');
    await upstream.publish('demo', '1.0.0', { metadata: { description: 'other bytes' } });
    await sync();
    await chartroom.operator.accept({ upstream: 'nexus', chart: 'demo', version: '1.0.0' });

    expect(await open(chartroom, digest ?? 'sha256:')).toBeUndefined();
  });
});

describe('what can only be decided once it is here', () => {
  const rules: readonly (readonly [string, TestRepository])[] = [
    ['its digest', denying({ digest: digestOf(Buffer.of()) })],
    ['whether it is deprecated', { deprecated: false }],
  ];

  test.each(rules)('(%s) is decided once, and answered at once from then on', async (_what, rule) => {
    const { upstream, chartroom, sync } = await world(rule, 'registry');
    await sync();
    const { archive } = await upstream.publish('demo', '1.0.0');

    expect(await chartroom.archive('demo', '1.0.0')).toEqual(archive);
    expect(chartroom.reader.resolve(ref)).not.toBeInstanceOf(Promise);
    await chartroom.operator.settled();
    expect(chartroom.reader.resolve(ref)).not.toBeInstanceOf(Promise);
  });

  test('is decided by the bytes that come, where several are promised', async () => {
    const { upstream, chartroom, sync } = await world({ deprecated: false });
    const metadata = { deprecated: true };
    const archive = await chartArchive({ name: 'demo', version: '1.0.0', ...metadata });
    await upstream.publish('demo', '1.0.0', { archive, digest: digestOf(Buffer.of()) });
    await upstream.publish('demo', '1.0.0', { archive, metadata });
    await sync();

    expect(await faultOf(chartroom.archive('demo', '1.0.0'))).toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('deprecated') as string,
    });
  });

  test('waits for the store to take its description, and is a failure while it does not', async () => {
    const { upstream, store, chartroom, sync } = await world({ deprecated: false }, 'registry');
    await sync();
    const { archive } = await upstream.publish('demo', '1.0.0');
    store.beforeWrite = (key) => {
      if (key === 'state.json' && upstream.count('open') > 0) storeGone();
    };

    expect((await faultOf(chartroom.archive('demo', '1.0.0'))).code).toBe('store-failed');
    store.beforeWrite = undefined;
    expect(await chartroom.archive('demo', '1.0.0')).toEqual(archive);
  });
});

describe('one chart in two repositories', () => {
  async function two(rules: readonly [TestRepository, TestRepository]) {
    const [first, second] = [new FakeUpstream(), new FakeUpstream()];
    const [strict, open_] = rules;
    const upstreams = { first, second };
    const chartroom = await openEngine({ upstreams, repositories: { strict, open: open_ } });
    const { archive } = await first.publish('demo', '1.0.0');
    await second.publish('demo', '1.0.0');
    for (const name of ['first', 'second']) await chartroom.operator.sync(name);
    const get = async (repository: string) => {
      const held = await chartroom.reader.resolve({ ...ref, repository });
      return open(chartroom, held.archive.digest, repository);
    };
    return { chartroom, archive, get };
  }

  test('is had in both, although the same bytes come from one upstream here and from another there', async () => {
    const { archive, get } = await two([{ upstreams: ['first'] }, { upstreams: ['second'] }]);

    expect(await get('strict')).toEqual(archive);
    expect(await get('open')).toEqual(archive);
    expect(await get('strict')).toEqual(archive);
  });

  test('is denied in one by name and by the digest that the other one names', async () => {
    const { chartroom, archive, get } = await two([denying(), {}]);
    const digest = digestOf(archive ?? Buffer.of());

    expect(await get('open')).toEqual(archive);
    expect((await faultOf(get('strict'))).code).toBe('denied');
    expect(await open(chartroom, digest, 'strict')).toBeUndefined();
    expect(await get('open')).toEqual(archive);
  });
});
