import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { Fault } from '../../src/chart/fault.ts';
import type { VerifySettings } from '../../src/mirror/settings.ts';
import { blobKey } from '../../src/store/layout.ts';
import { chartArchive } from '../support/charts.ts';
import { openEngine, pass, turn, watchedStore, type TestEngine } from '../support/engine.ts';
import { FakeUpstream, unreachable, type Row } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';
import { FakeJudge, reporting, requiring, signedBy } from '../support/verifying.ts';

type Settings = Parameters<typeof openEngine>[0]['upstreams'][string];

interface World {
  readonly upstream: FakeUpstream;
  readonly judge: FakeJudge;
  readonly chartroom: TestEngine;
  readonly store: ReturnType<typeof watchedStore>;
  /** The same upstream, checked otherwise. */
  readonly settings: (verify: VerifySettings | undefined, more?: object) => Readonly<Record<string, Settings>>;
}

/** An upstream of these versions of `demo`, listed, and everything that follows done. */
async function verifying(
  versions: Readonly<Record<string, Partial<Row>>>,
  verify: VerifySettings | undefined = requiring('alice'),
  more: object = {},
): Promise<World> {
  const [upstream, judge, store] = [new FakeUpstream(), new FakeJudge(), watchedStore()];
  for (const [version, row] of Object.entries(versions)) await upstream.publish('demo', version, row);
  const settings: World['settings'] = (keys, others = {}) => ({
    nexus: { upstream, mirror: 'all', verify: keys, ...more, ...others },
  });
  const chartroom = await openEngine({ upstreams: settings(verify), store, judge: judge.judge });
  await chartroom.operator.sync('nexus');
  await chartroom.operator.settled();
  return { upstream, judge, chartroom, store, settings };
}

const alices = { provenance: signedBy('alice') };
const bobs = { provenance: signedBy('bob') };
const theirs = { provenance: signedBy('alice', 'bob') };
const old = { created: '2025-01-01T00:00:00Z' };

describe('provenance that is required', () => {
  test('is judged ahead, and what is not valid is in no list', async () => {
    const { chartroom, judge } = await verifying({ '1.0.0': alices, '2.0.0': bobs, '3.0.0': old });
    expect(chartroom.versions('demo')).toEqual(['1.0.0']);
    expect(judge.asked.toSorted()).toEqual(['demo-1.0.0.tgz by alice', 'demo-2.0.0.tgz by alice']);
  });

  test('is judged once: neither a sync nor a restart judges it again', async () => {
    const { chartroom, judge, store, settings, upstream } = await verifying({ '1.0.0': alices, '2.0.0': bobs });
    await chartroom.operator.sync('nexus');
    await chartroom.operator.settled();
    await chartroom.engine.stop();
    const asked = upstream.count('open');
    const again = await openEngine({ upstreams: settings(requiring('alice')), store, judge: judge.judge });
    await again.operator.sync('nexus');
    await again.operator.settled();
    expect(again.versions('demo')).toEqual(['1.0.0']);
    expect(upstream.count('open')).toBe(asked);
    expect((await faultOf(again.archive('demo', '2.0.0'))).code).toBe('provenance-invalid');
    expect(judge.asked).toHaveLength(2);
  });

  test('is judged before the first byte where nothing is fetched ahead, once however many ask', async () => {
    const { chartroom, judge } = await verifying({ '1.0.0': alices, '2.0.0': bobs }, undefined, {
      mirror: 'requested',
    });
    expect(chartroom.versions('demo')).toEqual(['2.0.0', '1.0.0']);
    const gate = Promise.withResolvers<void>();
    judge.before = () => gate.promise;
    const asking = Promise.allSettled(Array.from({ length: 5 }, () => chartroom.archive('demo', '2.0.0')));
    await turn();
    gate.resolve();
    expect((await asking).map(({ status }) => status)).toEqual(Array(5).fill('rejected'));
    expect(judge.asked).toEqual(['demo-2.0.0.tgz by alice']);
    expect(await chartroom.archive('demo', '1.0.0')).toBeInstanceOf(Buffer);
    await chartroom.operator.settled();
    expect(chartroom.versions('demo')).toEqual(['1.0.0']);
  });

  test('keeps everything back while judging itself fails, which is no verdict', async () => {
    const { chartroom, judge } = await verifying({ '1.0.0': alices }, undefined, { mirror: 'requested' });
    judge.before = () => Promise.reject(new Error('the thread died'));
    for (const asking of [chartroom.archive('demo', '1.0.0'), chartroom.provenance('demo', '1.0.0')]) {
      expect(await faultOf(asking)).toMatchObject({
        code: 'unavailable',
        message: 'nexus: the provenance of demo 1.0.0 could not be judged: the thread died.',
      });
    }
    await chartroom.operator.settled();
    expect(chartroom.versions('demo')).toEqual(['1.0.0']);
    expect(chartroom.status('nexus').provenance).toMatchObject({ unjudged: 1 });
    judge.before = undefined;
    expect(await chartroom.archive('demo', '1.0.0')).toBeInstanceOf(Buffer);
  });

  test('leaves a name to its owner: another upstream that has it signed provides it no more than before', async () => {
    const [nexus, other, judge] = [new FakeUpstream(), new FakeUpstream(), new FakeJudge()];
    await nexus.publish('demo', '1.0.0', bobs);
    const archive = await chartArchive({ name: 'demo', version: '1.0.0' }, { 'other.txt': 'others' });
    await other.publish('demo', '1.0.0', { archive, ...alices });
    const verify = requiring('alice');
    for (const overlap of ['first', 'merge'] as const) {
      const chartroom = await openEngine({
        upstreams: {
          nexus: { upstream: nexus, verify, mirror: 'all' },
          other: { upstream: other, verify, mirror: 'all' },
        },
        repositories: { all: { root: true, overlap } },
        judge: judge.judge,
      });
      for (const name of ['nexus', 'other']) await chartroom.operator.sync(name);
      await chartroom.operator.settled();
      expect(chartroom.versions('demo')).toEqual([]);
      expect((await faultOf(chartroom.archive('demo', '1.0.0'))).message).toMatch(
        /^nexus: the provenance of demo 1.0.0/,
      );
      expect(chartroom.status('other').counts.contested).toBe(1);
    }
  });

  test('is judged of the bytes that are held, when upstream promises others by now', async () => {
    const { chartroom, upstream, settings } = await verifying({ '1.0.0': alices, '2.0.0': old }, undefined, {
      mirror: 'requested',
    });
    await chartroom.archive('demo', '1.0.0');
    await chartroom.reconfigure({ upstreams: settings(undefined) });
    await chartroom.archive('demo', '2.0.0');
    for (const version of ['1.0.0', '2.0.0']) {
      upstream.withdraw('demo', version);
      const archive = await chartArchive({ name: 'demo', version }, { 'new.txt': 'new' });
      await upstream.publish('demo', version, { archive, provenance: signedBy('alice') });
    }
    await chartroom.operator.sync('nexus');
    await chartroom.reconfigure({ upstreams: settings(requiring('alice')) });
    await chartroom.engine.settled();
    expect(await chartroom.archive('demo', '1.0.0')).toBeInstanceOf(Buffer);
    // what is upstream is signed, and says nothing of what is held
    expect((await faultOf(chartroom.archive('demo', '2.0.0'))).code).toBe('provenance-invalid');
  });

  test('is read again from upstream when the store has lost it', async () => {
    const { chartroom, store, settings, upstream } = await verifying({ '1.0.0': theirs });
    await chartroom.engine.stop();
    await store.remove(blobKey(digestOf(theirs.provenance)));
    const judge = new FakeJudge();
    const again = await openEngine({ upstreams: settings(requiring('bob')), store, judge: judge.judge });
    const asked = upstream.count('open provenance');
    expect(await again.archive('demo', '1.0.0')).toBeInstanceOf(Buffer);
    expect(upstream.count('open provenance')).toBe(asked + 1);
  });
});

describe('provenance that is only reported', () => {
  test('hides nothing, and nobody waits for it', async () => {
    const { chartroom, judge, upstream } = await verifying({ '1.0.0': bobs, '2.0.0': {} }, reporting('alice'), {
      mirror: 'requested',
    });
    judge.before = () => new Promise(() => undefined);
    upstream.before.open = (call) => {
      if (call.startsWith('open provenance demo-2')) throw unreachable();
    };
    expect(await chartroom.archive('demo', '1.0.0')).toBeInstanceOf(Buffer);
    expect(await chartroom.archive('demo', '2.0.0')).toBeInstanceOf(Buffer);
    expect(chartroom.versions('demo')).toEqual(['2.0.0', '1.0.0']);
  });

  test('is judged behind what is asked for, and told', async () => {
    const { chartroom } = await verifying({ '1.0.0': bobs, '2.0.0': alices }, reporting('alice'), {
      mirror: 'requested',
    });
    await chartroom.archive('demo', '1.0.0');
    await chartroom.operator.settled();
    expect(chartroom.status('nexus').provenance).toEqual({
      mode: 'report',
      valid: 0,
      missing: 0,
      invalid: 1,
      unjudged: 0,
    });
    expect(chartroom.operator.upstream('nexus').unverifiedVersions).toEqual([
      { chart: 'demo', version: '1.0.0', result: 'invalid', reason: 'no key of alice signed it' },
    ]);
  });
});

describe('another keyring', () => {
  test('has everything judged anew of what is kept, and asks no upstream', async () => {
    const { chartroom, judge, upstream, settings } = await verifying({ '1.0.0': alices, '2.0.0': bobs, '3.0.0': old });
    upstream.down = new Fault('upstream-unreachable', 'nobody may ask', '');
    const asked = upstream.calls.length;
    await chartroom.reconfigure({ upstreams: settings(requiring('bob')) });
    chartroom.engine.ahead.fill(chartroom.known('nexus'));
    await chartroom.engine.settled();
    expect(chartroom.versions('demo')).toEqual(['2.0.0']);
    expect(judge.asked.filter((one) => one.endsWith('by bob')).toSorted()).toEqual([
      'demo-1.0.0.tgz by bob',
      'demo-2.0.0.tgz by bob',
    ]);
    expect(upstream.calls).toHaveLength(asked);
  });

  test('lets nothing leave that it has not judged, and a verdict of the one before is not waited for', async () => {
    const { chartroom, judge, settings } = await verifying({ '1.0.0': alices, '2.0.0': bobs }, undefined, {
      mirror: 'requested',
    });
    const gate = Promise.withResolvers<void>();
    judge.before = () => gate.promise;
    const asking = [chartroom.archive('demo', '1.0.0'), chartroom.archive('demo', '2.0.0')];
    await turn();
    await chartroom.reconfigure({ upstreams: settings(requiring('bob')) });
    expect(chartroom.versions('demo')).toEqual(['2.0.0', '1.0.0']);
    gate.resolve();
    const [first, second] = await Promise.allSettled(asking);
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'provenance-invalid' } });
    expect(second).toMatchObject({ status: 'fulfilled' });
    expect(judge.asked).toHaveLength(4);
  });

  test('judges what is held of a retired upstream, too', async () => {
    const { chartroom, settings, upstream } = await verifying({ '1.0.0': alices, '2.0.0': bobs });
    const asked = upstream.calls.length;
    await chartroom.reconfigure({ upstreams: settings(requiring('bob'), { retired: true }) });
    chartroom.engine.ahead.fill(chartroom.known('nexus'));
    await chartroom.engine.settled();
    expect(chartroom.versions('demo')).toEqual(['2.0.0']);
    expect(upstream.calls).toHaveLength(asked);
  });
});

describe('a retired upstream', () => {
  test('has no failed versions for what it is not asked any more', async () => {
    const [upstream, store, judge] = [new FakeUpstream('registry'), watchedStore(), new FakeJudge()];
    await upstream.publish('demo', '1.0.0', alices);
    await upstream.publish('demo', '2.0.0', alices);
    const settings = { upstream, type: 'registry', mirror: 'requested' as const };
    const before = await openEngine({ upstreams: { nexus: settings }, store });
    await before.operator.sync('nexus');
    await before.archive('demo', '1.0.0');
    await before.provenance('demo', '1.0.0');
    await before.archive('demo', '2.0.0');
    await before.engine.stop();
    const asked = upstream.calls.length;
    const retired = { ...settings, mirror: 'all' as const, retired: true, verify: requiring('alice') };
    const chartroom = await openEngine({ upstreams: { nexus: retired }, store, judge: judge.judge });
    chartroom.engine.ahead.fill(chartroom.known('nexus'));
    await chartroom.engine.settled();
    expect(chartroom.operator.upstream('nexus').failedVersions).toEqual([]);
    expect(await chartroom.archive('demo', '1.0.0')).toBeInstanceOf(Buffer);
    // its provenance was never fetched: nobody knows whether there is any
    expect((await faultOf(chartroom.archive('demo', '2.0.0'))).code).toBe('unavailable');
    expect(chartroom.status('nexus').provenance).toMatchObject({ valid: 1, unjudged: 1 });
    expect(upstream.calls).toHaveLength(asked);
  });
});

describe('another server on the same store', () => {
  test('knows the verdicts, and without the lease judges only what it is asked for', async () => {
    const { chartroom, store, settings } = await verifying({ '1.0.0': alices, '2.0.0': bobs });
    const judge = new FakeJudge();
    chartroom.engine.start();
    await pass(chartroom.clock, 2_000);
    const upstreams = settings(requiring('alice'));
    const self = { id: 'other', host: 'there', pid: 2 };
    const other = await openEngine({ upstreams, store, judge: judge.judge, clock: chartroom.clock, self });
    other.engine.start();
    await pass(chartroom.clock, 10_000);
    expect(other.versions('demo')).toEqual(['1.0.0']);
    expect((await faultOf(other.archive('demo', '2.0.0'))).code).toBe('provenance-invalid');
    await other.reconfigure({ upstreams: settings(requiring('bob')) });
    await pass(chartroom.clock, 10_000);
    expect(judge.asked).toEqual([]);
    expect(await other.archive('demo', '2.0.0')).toBeInstanceOf(Buffer);
    expect(judge.asked).toEqual(['demo-2.0.0.tgz by bob']);
  });
});
