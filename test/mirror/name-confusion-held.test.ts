import { describe, expect, test } from 'vitest';

import { digestOf, type Digest } from '../../src/chart/digest.ts';
import { blobKey } from '../../src/store/layout.ts';
import { chartArchive } from '../support/charts.ts';
import { ManualClock } from '../support/clock.ts';
import { openEngine, pass, watchedStore } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

const signature = Buffer.from('-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nby the stranger\n');

/** Two upstreams with other bytes of the same version, of which the stranger's are signed. */
async function twoUpstreams() {
  const [internal, stranger] = [new FakeUpstream(), new FakeUpstream()];
  const bytesOf = (name: string) => chartArchive({ name: 'corp-app', version: '1.0.0', description: name });
  const [right, wrong] = [await bytesOf('internal'), await bytesOf('stranger')];
  await internal.publish('corp-app', '1.0.0', { archive: right });
  await stranger.publish('corp-app', '1.0.0', { archive: wrong, provenance: signature });
  return { upstreams: { stranger, internal }, right, wrong };
}

const reserved = { owners: [['corp-*', 'internal']] } as const;

describe('bytes of a stranger that are held', () => {
  test('are opened in the repository that offers them alone, and by nobody who knows their digest elsewhere', async () => {
    const { upstreams, right, wrong } = await twoUpstreams();
    const repositories = { all: reserved, open: {} };
    const chartroom = await openEngine({ upstreams, repositories });
    for (const name of ['stranger', 'internal']) await chartroom.operator.sync(name);
    const ref = { chart: 'corp-app', version: '1.0.0' };

    const elsewhere = await chartroom.reader.resolve({ repository: 'open', ...ref });
    const here = await chartroom.reader.resolve({ repository: 'all', ...ref });

    expect([elsewhere, here].map(({ archive }) => archive.digest)).toEqual([wrong, right].map(digestOf));
    const opens = async (repository: string, digest: Digest) =>
      (await chartroom.reader.open(repository, digest)) !== undefined;
    expect(await opens('open', digestOf(wrong))).toBe(true);
    expect(await opens('all', digestOf(wrong))).toBe(false);
    expect(await opens('all', digestOf(right))).toBe(true);
    expect(await opens('open', digestOf(right))).toBe(false);
  });

  test('are opened no more once the name is reserved, also not by who resolved them before', async () => {
    const { upstreams, right, wrong } = await twoUpstreams();
    const chartroom = await openEngine({ upstreams });
    for (const name of ['stranger', 'internal']) await chartroom.operator.sync(name);
    expect(await chartroom.archive('corp-app', '1.0.0')).toEqual(wrong);

    await chartroom.reconfigure({ upstreams, repositories: { all: { root: true, ...reserved } } });

    expect(await chartroom.reader.open('all', digestOf(wrong))).toBeUndefined();
    expect(await chartroom.archive('corp-app', '1.0.0')).toEqual(right);
  });

  test('never take the place of the owner’s that were lost', async () => {
    const { upstreams, right } = await twoUpstreams();
    const store = watchedStore();
    const settings = { store, repositories: { all: { root: true, ...reserved } }, maxHotBytes: 1 };
    const chartroom = await openEngine({ upstreams, ...settings });
    for (const name of ['stranger', 'internal']) await chartroom.operator.sync(name);
    await chartroom.archive('corp-app', '1.0.0');
    await store.remove(blobKey(digestOf(right)));

    upstreams.internal.down = unreachable();
    expect((await faultOf(chartroom.archive('corp-app', '1.0.0'))).code).toBe('store-failed');
    expect(upstreams.stranger.count('open')).toBe(0);

    upstreams.internal.down = undefined;
    expect(await chartroom.archive('corp-app', '1.0.0')).toEqual(right);
  });

  test('lend their signature to no others', async () => {
    const { upstreams } = await twoUpstreams();
    const chartroom = await openEngine({ upstreams, repositories: { all: { root: true, ...reserved } } });
    for (const name of ['stranger', 'internal']) await chartroom.operator.sync(name);

    expect(await chartroom.provenance('corp-app', '1.0.0')).toBeUndefined();
    expect(upstreams.stranger.count('open')).toBe(0);
  });
});

describe('the same bytes with two upstreams', () => {
  test('go on being served when the name gets another owner', async () => {
    const { upstreams, right } = await twoUpstreams();
    upstreams.stranger.rows = [...upstreams.internal.rows];
    const chartroom = await openEngine({ upstreams });
    for (const name of ['stranger', 'internal']) await chartroom.operator.sync(name);
    await chartroom.archive('corp-app', '1.0.0');

    await chartroom.reconfigure({ upstreams, repositories: { all: { root: true, ...reserved } } });

    expect(await chartroom.archive('corp-app', '1.0.0')).toEqual(right);
    expect(upstreams.internal.count('open')).toBeGreaterThan(0);
  });
});

describe('a version that is being fetched from a stranger', () => {
  test('is not given to who waits for it once the name is reserved', async () => {
    const { upstreams, right, wrong } = await twoUpstreams();
    const clock = new ManualClock();
    const chartroom = await openEngine({ upstreams, clock });
    for (const name of ['stranger', 'internal']) await chartroom.operator.sync(name);
    const gate = Promise.withResolvers<void>();
    upstreams.stranger.before.open = () => gate.promise;
    const waiting = chartroom.archive('corp-app', '1.0.0').catch((error: unknown) => error);
    await pass(clock, 1_000);

    await chartroom.reconfigure({ upstreams, repositories: { all: { root: true, ...reserved } } });
    gate.resolve();

    expect(await waiting).not.toEqual(wrong);
    expect(await chartroom.archive('corp-app', '1.0.0')).toEqual(right);
  });
});
