import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { replacementKey } from '../../src/store/layout.ts';
import { chartArchive } from '../support/charts.ts';
import { openEngine, pass, turn, watchedStore, type TestEngine, type TestUpstream } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

type Settings = Partial<Exclude<TestUpstream, FakeUpstream>>;

const ref = { upstream: 'nexus', chart: 'demo', version: '1.0.0' };
const signed = (word: string) => Buffer.from(`-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n${word}\n`);
const madeOf = (word: string) => chartArchive({ name: 'demo', version: '1.0.0' }, { 'README.md': word });

/** One version, held with its provenance. */
async function held(settings: Settings = {}) {
  const upstream = new FakeUpstream();
  const first = await madeOf('first');
  await upstream.publish('demo', '1.0.0', { archive: first, provenance: signed('first') });
  const store = watchedStore();
  const upstreams = { nexus: { upstream, mirror: 'all' as const, ...settings } };
  const chartroom = await openEngine({ upstreams, store });
  await chartroom.operator.sync('nexus');
  await chartroom.operator.settled();
  const publish = async (word: string) => {
    const archive = await madeOf(word);
    upstream.rows = [];
    await upstream.publish('demo', '1.0.0', { archive, provenance: signed(word) });
    return archive;
  };
  const restart = async (before: TestEngine) => {
    await before.engine.stop();
    return openEngine({ upstreams, store });
  };
  return { upstream, upstreams, store, chartroom, first, publish, restart };
}

describe('a rewritten version', () => {
  test('keeps its first bytes, is shown with both digests, and all of it survives a restart', async () => {
    const { chartroom, first, publish, restart } = await held();
    const before = chartroom.index;
    const second = await publish('second');
    expect(await chartroom.operator.sync('nexus')).toMatchObject({ rewritten: 1, changed: 0 });
    await pass(chartroom.clock, 3_600_000, 600_000);
    const again = await restart(chartroom);

    for (const one of [chartroom, again]) {
      expect(one.index).toBe(before);
      expect(await one.archive('demo', '1.0.0')).toEqual(first);
      expect(one.status('nexus').counts.rewritten).toBe(1);
      expect(one.operator.upstream('nexus').rewrittenVersions).toEqual([
        { chart: 'demo', version: '1.0.0', held: digestOf(first), claimed: digestOf(second) },
      ]);
    }
  });

  test('is recognised also when what was held had not been committed before its process died', async () => {
    const { store, publish, first, upstreams } = await held({ mirror: 'requested' });
    const dying = await openEngine({ upstreams, store });
    expect(await dying.archive('demo', '1.0.0')).toEqual(first);
    const second = await publish('second');

    const next = await openEngine({ upstreams, store: await store.copy() });
    expect(await next.operator.sync('nexus')).toMatchObject({ rewritten: 1, changed: 0 });

    expect(await next.archive('demo', '1.0.0')).toEqual(first);
    expect(`sha256:${next.rows('demo')[0]?.digest}`).not.toBe(digestOf(second));
  });

  test('is not rewritten any more when upstream is back at the first bytes', async () => {
    const { chartroom, publish } = await held();
    await publish('second');
    await chartroom.operator.sync('nexus');
    await publish('first');
    await chartroom.operator.sync('nexus');

    expect(chartroom.status('nexus').counts.rewritten).toBe(0);
    expect(chartroom.operator.upstream('nexus').rewrittenVersions).toEqual([]);
    expect((await faultOf(chartroom.operator.accept(ref))).code).toBe('bad-request');
  });

  test('that nobody fetched follows its upstream, and is counted as changed', async () => {
    const { chartroom, publish } = await held({ mirror: 'requested' });
    const second = await publish('second');

    expect(await chartroom.operator.sync('nexus')).toMatchObject({ rewritten: 0, changed: 1 });

    expect(`sha256:${chartroom.rows('demo')[0]?.digest}`).toBe(digestOf(second));
    expect(await chartroom.archive('demo', '1.0.0')).toEqual(second);
  });
});

describe('the provenance of a rewritten version', () => {
  test('is never that of the bytes which are not held', async () => {
    const { chartroom, publish, first } = await held({ mirror: 'requested' });
    expect(await chartroom.archive('demo', '1.0.0')).toEqual(first);
    await publish('second');
    await chartroom.operator.sync('nexus');
    expect(chartroom.status('nexus').counts.rewritten).toBe(1);

    const answer: unknown = await chartroom.provenance('demo', '1.0.0').catch((error: unknown) => error);

    expect(answer).not.toEqual(signed('second'));
  });
});

describe('accepting a rewritten version', () => {
  test('takes the new bytes, digest and provenance, keeps the old record, and survives a restart', async () => {
    const { store, chartroom, publish, restart, first } = await held();
    const second = await publish('second');
    await chartroom.operator.sync('nexus');

    const holding = await chartroom.operator.accept(ref);

    expect(holding.archive.digest).toBe(digestOf(second));
    const again = await restart(chartroom);
    for (const one of [chartroom, again]) {
      expect(`sha256:${one.rows('demo')[0]?.digest}`).toBe(digestOf(second));
      expect(await one.archive('demo', '1.0.0')).toEqual(second);
      expect(one.status('nexus').counts).toMatchObject({ held: 1, rewritten: 0 });
    }
    expect(await again.provenance('demo', '1.0.0')).toEqual(signed('second'));
    expect(await store.text(replacementKey('nexus', 'demo', '1.0.0', digestOf(second)))).toContain('"acceptedAt"');
    expect(await store.text('holdings/nexus/demo/1.0.0/first.json')).toContain(digestOf(first));
  });

  test('is refused for what is not rewritten, not held, or not listed', async () => {
    const { upstream, chartroom } = await held();
    await upstream.publish('unheld', '1.0.0', { archive: undefined, digest: digestOf(Buffer.from('x')) });
    await chartroom.operator.sync('nexus');

    expect((await faultOf(chartroom.operator.accept(ref))).code).toBe('bad-request');
    expect((await faultOf(chartroom.operator.accept({ ...ref, chart: 'unheld' }))).code).toBe('bad-request');
    expect((await faultOf(chartroom.operator.accept({ ...ref, version: '9.9.9' }))).code).toBe('not-found');
    expect((await faultOf(chartroom.operator.accept({ ...ref, upstream: 'nobody' }))).code).toBe('not-found');
  });

  test('takes nothing when upstream gives a third thing, or nothing', async () => {
    const { upstream, chartroom, publish, first } = await held();
    const second = await publish('second');
    await chartroom.operator.sync('nexus');
    const before = chartroom.index;
    const third = await madeOf('third');
    upstream.rows = upstream.rows.map((row) => ({ ...row, archive: third }));

    expect((await faultOf(chartroom.operator.accept(ref))).code).toBe('digest-mismatch');
    upstream.rows = upstream.rows.map((row) => ({ ...row, archive: undefined }));
    expect((await faultOf(chartroom.operator.accept(ref))).code).toBe('not-found');
    upstream.down = unreachable();
    expect((await faultOf(chartroom.operator.accept(ref))).code).toBe('upstream-unreachable');

    expect(chartroom.index).toBe(before);
    expect(await chartroom.archive('demo', '1.0.0')).toEqual(first);
    expect(chartroom.operator.upstream('nexus').rewrittenVersions).toMatchObject([{ claimed: digestOf(second) }]);
  });

  test('of one rewrite after the other holds the last, and the first again when that is accepted', async () => {
    const { chartroom, publish, restart } = await held();
    for (const word of ['second', 'third', 'first']) {
      const bytes = await publish(word);
      await chartroom.operator.sync('nexus');
      await chartroom.clock.advance(1_000);
      await chartroom.operator.accept(ref);
      expect(await chartroom.archive('demo', '1.0.0')).toEqual(bytes);
    }
    const again = await restart(chartroom);
    expect(await again.archive('demo', '1.0.0')).toEqual(await madeOf('first'));
    expect(await again.provenance('demo', '1.0.0')).toEqual(signed('first'));
  });

  test('is undone by no provenance that arrives late for the old bytes', async () => {
    const { upstream, chartroom, publish, restart } = await held({ mirror: 'requested' });
    await chartroom.archive('demo', '1.0.0');
    const gate = Promise.withResolvers<void>();
    upstream.before.open = (call) => (call.startsWith('open provenance') ? gate.promise : undefined);
    const late = chartroom.provenance('demo', '1.0.0');
    await turn();
    const second = await publish('second');
    await chartroom.operator.sync('nexus');
    await chartroom.operator.accept(ref);
    gate.resolve();
    await late;
    await chartroom.operator.settled();

    expect(await chartroom.archive('demo', '1.0.0')).toEqual(second);
    const again = await restart(chartroom);
    expect(await again.archive('demo', '1.0.0')).toEqual(second);
  });

  test('disturbs nobody who reads what is held, however long it takes and however it ends', async () => {
    const { upstream, chartroom, publish } = await held();
    await publish('second');
    await chartroom.operator.sync('nexus');
    const gate = Promise.withResolvers<void>();
    upstream.before.open = () => gate.promise;
    const accepting = faultOf(chartroom.operator.accept(ref));
    await turn();

    const reading = Promise.allSettled([chartroom.archive('demo', '1.0.0'), chartroom.provenance('demo', '1.0.0')]);
    await turn();
    upstream.down = unreachable();
    gate.resolve();

    expect((await accepting).code).toBe('upstream-unreachable');
    expect((await reading).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
  });
});

describe('rewritten: accept', () => {
  test('takes the new bytes by itself, once, and those of the next rewrite', async () => {
    const { upstream, chartroom, publish } = await held({ rewritten: 'accept' });
    for (const word of ['second', 'third']) {
      const bytes = await publish(word);
      upstream.calls.length = 0;
      await chartroom.operator.sync('nexus');
      await chartroom.operator.settled();
      await chartroom.operator.sync('nexus');
      await chartroom.operator.settled();

      expect(await chartroom.archive('demo', '1.0.0')).toEqual(bytes);
      expect(`sha256:${chartroom.rows('demo')[0]?.digest}`).toBe(digestOf(bytes));
      expect(upstream.count('open archive')).toBe(1);
      await chartroom.clock.advance(1_000);
    }
    expect(chartroom.status('nexus').counts.rewritten).toBe(0);
  });

  test('keeps the old bytes until the new ones are here, and tries again', async () => {
    const { upstream, chartroom, publish, first } = await held({ rewritten: 'accept' });
    const second = await publish('second');
    upstream.before.open = () => Promise.reject(unreachable());
    await chartroom.operator.sync('nexus');
    await chartroom.operator.settled();
    expect(await chartroom.archive('demo', '1.0.0')).toEqual(first);
    expect(chartroom.operator.upstream('nexus')).toMatchObject({
      failedVersions: [{ chart: 'demo', version: '1.0.0', attempts: 1 }],
      rewrittenVersions: [{ held: digestOf(first), claimed: digestOf(second) }],
    });

    upstream.before.open = undefined;
    await pass(chartroom.clock, 180_000, 10_000);
    expect(await chartroom.archive('demo', '1.0.0')).toEqual(second);
  });
});
