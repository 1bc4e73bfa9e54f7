import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { Fault } from '../../src/chart/fault.ts';
import { chartArchive } from '../support/charts.ts';
import { openEngine, pass, turn, watchedStore, type TestUpstream } from '../support/engine.ts';
import { FakeUpstream, unreachable, type Row } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

type Settings = Partial<Exclude<TestUpstream, FakeUpstream>>;

/** One listed version that nobody fetched yet. */
async function cold(row: Partial<Row> = {}, settings: Settings = {}, coldWaitMs = 25_000) {
  const upstream = new FakeUpstream();
  const { archive } = await upstream.publish('demo', '1.0.0', row);
  const store = watchedStore();
  const chartroom = await openEngine({ upstreams: { nexus: { upstream, ...settings } }, store, coldWaitMs });
  await chartroom.operator.sync('nexus');
  store.writes.length = 0;
  return { upstream, archive, store, chartroom, get: () => chartroom.archive('demo', '1.0.0') };
}

describe('a request for an archive that is not here', () => {
  test('is answered with what upstream has, and costs exactly one request there', async () => {
    const { upstream, archive, get } = await cold();

    expect(await get()).toEqual(archive);
    expect(await get()).toEqual(archive);

    expect(upstream.calls).toEqual(['list', 'open archive demo-1.0.0']);
  });

  test('is written blob first, then the holding, and the state with the next batch', async () => {
    const { store, chartroom, archive, get } = await cold();
    const hex = digestOf(archive ?? Buffer.alloc(0)).slice(7);

    await get();
    expect(store.writes).toEqual([`blobs/sha256/${hex.slice(0, 2)}/${hex}`, 'holdings/nexus/demo/1.0.0/first.json']);

    await pass(chartroom.clock, 10_000);
    expect(store.writes.slice(2)).toEqual([expect.stringMatching(/^snapshots\/sha256\//), 'state.json']);
  });

  test('is coalesced: a thousand at once are one request upstream, and all are answered alike', async () => {
    const { upstream, archive, get } = await cold();
    const gate = Promise.withResolvers<void>();
    upstream.before.open = () => gate.promise;

    const answers = Array.from({ length: 1_000 }, get);
    await turn();
    gate.resolve();

    for (const answer of await Promise.all(answers)) expect(answer.equals(archive ?? Buffer.alloc(0))).toBe(true);
    expect(upstream.count('open')).toBe(1);
  });

  test('fails with all the others when what they wait for fails, and the next one tries again', async () => {
    const { upstream, archive, get } = await cold();
    upstream.down = unreachable();

    const faults = await Promise.all(Array.from({ length: 100 }, () => faultOf(get())));

    expect(new Set(faults.map(({ code }) => code))).toEqual(new Set(['upstream-unreachable']));
    expect(upstream.count('open')).toBe(1);
    upstream.down = undefined;
    expect(await get()).toEqual(archive);
  });

  test('waits for no more than coldWait, and the fetch goes on for whoever asks next', async () => {
    const { upstream, archive, chartroom, get } = await cold({}, {}, 5_000);
    const gate = Promise.withResolvers<void>();
    upstream.before.open = () => gate.promise;

    const first = faultOf(get());
    await turn();
    await pass(chartroom.clock, 5_000);
    expect(await first).toMatchObject({ code: 'upstream-unreachable', timedOut: true, retryAfterMs: 5_000 });

    gate.resolve();
    await turn();
    expect(await get()).toEqual(archive);
    expect(upstream.count('open')).toBe(1);
  });

  test('waits its turn when as many are being fetched as may be', async () => {
    const { upstream, chartroom } = await cold({}, { concurrency: 2 });
    for (const version of ['1.1.0', '1.2.0', '1.3.0']) await upstream.publish('demo', version);
    await chartroom.operator.sync('nexus');
    const gate = Promise.withResolvers<void>();
    upstream.before.open = () => gate.promise;

    const answers = ['1.0.0', '1.1.0', '1.2.0', '1.3.0'].map((version) => chartroom.archive('demo', version));
    await turn();
    expect(upstream.count('open')).toBe(2);

    gate.resolve();
    await Promise.all(answers);
    expect(upstream.count('open')).toBe(4);
  });
});

describe('nothing is stored and a fault is answered when', () => {
  const wrong = digestOf(Buffer.from('something else'));
  const cases: readonly (readonly [string, () => Promise<Partial<Row>>, string, Settings])[] = [
    ['the bytes are not the promised ones', async () => ({ digest: wrong }), 'digest-mismatch', {}],
    [
      'the archive holds another chart',
      async () => withOwnDigest(await chartArchive({ name: 'other', version: '1.0.0' })),
      'archive-invalid',
      {},
    ],
    [
      'the archive holds another version',
      async () => withOwnDigest(await chartArchive({ name: 'demo', version: '2.0.0' })),
      'archive-invalid',
      {},
    ],
    ['the archive is none', async () => withOwnDigest(Buffer.from('no archive')), 'archive-invalid', {}],
    ['it is a web page', async () => withOwnDigest(Buffer.from('<html>log in</html>')), 'upstream-failed', {}],
    ['it is empty', async () => withOwnDigest(Buffer.alloc(0)), 'upstream-failed', {}],
    ['the archive is larger than allowed', async () => ({}), 'too-large', { maxArchiveBytes: 50 }],
    ['upstream does not have it', async () => ({ archive: undefined }), 'not-found', {}],
  ];
  test.each(cases)('%s', async (_, row, code, settings) => {
    const { store, chartroom, get } = await cold(await row(), settings);

    const fault = await faultOf(get());
    await pass(chartroom.clock, 20_000);

    expect(fault.code).toBe(code);
    expect(fault.message).toMatch(/^nexus: /);
    expect(store.writes).toEqual([]);
  });

  test('a body ends early', async () => {
    const { upstream, store, get } = await cold();
    const cut = new Fault('upstream-failed', 'nexus: the connection ended early.', 'Try again.');
    Reflect.set(upstream, 'open', async () => ({ size: 100, body: brokenAfter(Buffer.from('half'), cut) }));

    expect((await faultOf(get())).code).toBe('upstream-failed');
    expect(store.writes).toEqual([]);
  });

  test('a body without a length does not end', async () => {
    const { upstream, store, get } = await cold();
    let left = false;
    Reflect.set(upstream, 'open', async () => ({ size: undefined, body: endless(() => (left = true)) }));

    expect((await faultOf(get())).code).toBe('too-large');
    expect(left).toBe(true);
    expect(store.writes).toEqual([]);
  });
});

describe('a failure', () => {
  test('is never remembered as absence', async () => {
    const { upstream, archive, get } = await cold();
    for (const code of ['forbidden', 'unauthorized', 'upstream-failed', 'rate-limited'] as const) {
      upstream.down = new Fault(code, 'nexus: no.', 'Look there.');
      expect((await faultOf(get())).code).toBe(code);
    }

    upstream.down = undefined;
    expect(await get()).toEqual(archive);
  });

  test('that passes is tried again as often as retries says, with growing pauses', async () => {
    const { upstream, archive, chartroom, get } = await cold({}, { retries: 3 });
    upstream.before.open = () => {
      if (upstream.count('open') < 3) throw unreachable();
    };

    const answer = get();
    await turn();
    expect(upstream.count('open')).toBe(1);
    await pass(chartroom.clock, 1_000, 50);

    expect(await answer).toEqual(archive);
    expect(upstream.count('open')).toBe(3);
  });

  test('that stays is answered after that many attempts', async () => {
    const { upstream, chartroom, get } = await cold({}, { retries: 3 });
    upstream.down = unreachable();

    const fault = faultOf(get());
    await pass(chartroom.clock, 2_000, 50);

    expect((await fault).code).toBe('upstream-unreachable');
    expect(upstream.count('open')).toBe(3);
  });

  test.each([
    ['of credentials', new Fault('unauthorized', 'nexus: 401.', 'Check auth.')],
    ['that says when to come back', unreachable({ retryAfterMs: 60_000 })],
  ])('%s is not tried again at once', async (_, fault) => {
    const { upstream, get } = await cold({}, { retries: 5 });
    upstream.down = fault;

    expect(await faultOf(get())).toBe(fault);
    expect(upstream.count('open')).toBe(1);
  });
});

describe('a digest', () => {
  test('is no skeleton key: only what was resolved can be opened', async () => {
    const { chartroom, archive, get } = await cold();
    const digest = digestOf(archive ?? Buffer.alloc(0));
    expect(await chartroom.reader.open('all', digest)).toBeUndefined();

    await get();

    expect(await chartroom.reader.open('all', digest)).toBeDefined();
    expect(() => chartroom.reader.open('other', digest)).toThrow(/There is no repository other/);
  });
});

function withOwnDigest(archive: Buffer): Partial<Row> {
  return { archive, digest: digestOf(archive) };
}

async function* brokenAfter(bytes: Buffer, fault: Fault): AsyncIterable<Uint8Array> {
  yield bytes;
  throw fault;
}

async function* endless(onLeave: () => void): AsyncIterable<Uint8Array> {
  try {
    for (;;) yield Buffer.alloc(64 * 1024);
  } finally {
    onLeave();
  }
}
