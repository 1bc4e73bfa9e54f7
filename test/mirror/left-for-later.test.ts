import { expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { Fault } from '../../src/chart/fault.ts';
import { sync } from '../../src/commands/sync.ts';
import { snapshotKey } from '../../src/store/layout.ts';
import { chartArchive } from '../support/charts.ts';
import { bytesAt, openEngine, pass, watchedStore, type TestEngine } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { stateOf } from '../support/kept-store.ts';

const slowDown = new Fault('rate-limited', 'nexus: 429.', 'Wait.', { retryAfterMs: 6 * 3_600_000 });

const run = async ({ operator, clock }: TestEngine) => {
  const lines: string[] = [];
  const print = (line: string): void => void lines.push(line);
  const { signal } = new AbortController();
  const round = { upstream: undefined, operator, filling: operator, print, progress: undefined, clock, signal };
  return { exitCode: await sync(round), last: lines.at(-1) };
};

test('chartroom sync that a rate limit stopped while tags were described fails', async () => {
  const upstream = new FakeUpstream('registry');
  for (let at = 0; at < 20; at += 1) await upstream.publish('demo', `1.0.${at}`);
  const upstreams = { ghcr: { upstream, type: 'registry', mirror: 'requested' as const, concurrency: 1 } };
  const chartroom = await openEngine({ upstreams });
  let described = 0;
  upstream.before.describe = () => {
    if ((described += 1) > 5) throw slowDown;
  };
  expect(await run(chartroom)).toMatchObject({ exitCode: 1, last: expect.stringContaining('15 left for later') });
});

test('chartroom sync that a rate limit stopped before rewritten bytes were taken fails', async () => {
  const upstream = new FakeUpstream();
  await upstream.publish('demo', '1.0.0');
  const upstreams = { nexus: { upstream, mirror: 'all' as const, rewritten: 'accept' as const, concurrency: 1 } };
  const chartroom = await openEngine({ upstreams });
  expect(await run(chartroom)).toMatchObject({ exitCode: 0 });
  upstream.rows = [];
  await upstream.publish('demo', '1.0.0', {
    archive: await chartArchive({ name: 'demo', version: '1.0.0' }, { a: 'b' }),
  });
  upstream.before.open = () => {
    throw slowDown;
  };
  expect(await run(chartroom)).toMatchObject({ exitCode: 1, last: expect.stringContaining('1 left for later') });
});

test('what was measured while a table was lost is in the index when it is back', async () => {
  const store = watchedStore();
  const upstream = new FakeUpstream();
  await upstream.publish('demo', '1.0.0');
  const { archive = Buffer.alloc(0) } = await upstream.publish('demo', '2.0.0', { digest: undefined });
  const upstreams = { nexus: upstream };
  const late = await openEngine({ upstreams, store });
  await late.timedSync('nexus');
  const quick = await openEngine({ upstreams, store });
  await quick.archive('demo', '1.0.0');
  await quick.engine.settled();
  await late.archive('demo', '2.0.0');
  const key = snapshotKey((await stateOf(store))?.upstreams.nexus?.snapshot ?? 'sha256:');
  const bytes = await bytesAt(store, key);
  await store.remove(key);
  await late.engine.settled();
  await store.write(key, bytes);
  late.engine.start();
  await pass(late.clock, 60_000, 1_000);
  expect((await openEngine({ upstreams, store })).rows('demo')[0]?.digest).toBe(digestOf(archive).slice(7));
  expect(late.rows('demo')[0]?.digest).toBe(digestOf(archive).slice(7));
});

test('what is held is committed by a follower too when its table is back', async () => {
  const store = watchedStore();
  const upstream = new FakeUpstream();
  for (const version of ['1.0.0', '2.0.0']) await upstream.publish('demo', version);
  const upstreams = { nexus: upstream };
  const late = await openEngine({ upstreams, store, self: { id: 'late', host: 'l', pid: 1 } });
  await late.timedSync('nexus');
  const quick = await openEngine({ upstreams, store, clock: late.clock });
  quick.engine.start();
  await pass(late.clock, 5_000);
  late.engine.start();
  await pass(late.clock, 5_000);
  await quick.archive('demo', '1.0.0');
  await quick.engine.settled();
  await late.archive('demo', '2.0.0');
  const key = snapshotKey((await stateOf(store))?.upstreams.nexus?.snapshot ?? 'sha256:');
  const bytes = await bytesAt(store, key);
  await store.remove(key);
  await late.engine.settled();
  expect(late.known('nexus').damage).toBeDefined();
  await store.write(key, bytes);
  await pass(late.clock, 10 * 60_000, 5_000);
  expect(late.known('nexus').damage).toBeUndefined();
  expect(late.known('nexus').fresh.size).toBe(0);
});

test('a tag that is too large is that fault also for the next who asks', async () => {
  const upstream = new FakeUpstream('registry');
  const chartroom = await openEngine({ upstreams: { ghcr: { upstream, type: 'registry', unlisted: true } } });
  await chartroom.timedSync('ghcr');
  await upstream.publish('demo', '1.0.0');
  upstream.before.describe = () => {
    throw new Fault('too-large', 'ghcr: too large.', 'Nothing to do.');
  };
  const codes: string[] = [];
  for (let at = 0; at < 2; at += 1) {
    await chartroom.archive('demo', '1.0.0').catch((error: Fault) => codes.push(error.code));
    await pass(chartroom.clock, 15_000, 5_000);
  }
  expect(codes).toEqual(['too-large', 'too-large']);
});

test('a replica that lost the lease while it filled reports nothing as queued', async () => {
  const upstream = new FakeUpstream();
  for (let at = 0; at < 20; at += 1) await upstream.publish('demo', `1.0.${at}`);
  const store = watchedStore();
  const upstreams = { nexus: { upstream, mirror: 'all' as const, concurrency: 1 } };
  const one = await openEngine({ upstreams, store });
  const gate = Promise.withResolvers<void>();
  let opened = 0;
  upstream.before.open = () => ((opened += 1) > 3 ? gate.promise : undefined);
  one.engine.start();
  await pass(one.clock, 5_000);
  // another one takes it over
  const lease = JSON.parse((await store.text('lease.json')) ?? '{}') as { holder: unknown };
  await store.write('lease.json', Buffer.from(JSON.stringify({ ...lease, holder: { id: 'x', host: 'x', pid: 1 } })));
  await pass(one.clock, 15_000);
  expect(one.operator.holdsLease()).toBe(false);
  gate.resolve();
  await pass(one.clock, 15_000);
  expect(one.operator.activity()[0]?.queued).toBe(0);
});
