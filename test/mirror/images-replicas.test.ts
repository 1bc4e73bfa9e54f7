import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { chartArchive } from '../support/charts.ts';
import { openEngine, pass, storeGone, turn, watchedStore, type TestEngine } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';
import { pull } from '../support/pulled-image.ts';

const demo = { repository: 'all', chart: 'demo' };
const signature = Buffer.from('-----BEGIN PGP SIGNED MESSAGE-----\n\nname: demo\n');
const kinds = ['chart-repository', 'registry'] as const;

/** Two servers on one store, which know the same listing. */
async function open(kind: (typeof kinds)[number] = 'chart-repository') {
  const upstream = new FakeUpstream(kind);
  for (const version of ['1.0.0', '1.1.0', '2.0.0']) await upstream.publish('demo', version, { provenance: signature });
  const options = { upstreams: { nexus: { upstream, type: kind } }, store: watchedStore() };
  const one = await openEngine(options);
  await one.operator.sync('nexus');
  await one.operator.settled();
  const other = await openEngine(options);
  return { upstream, options, one, other };
}

/** Fetches what has no place in a manifest of the fake registry by tag and digest alone. */
const digestAt = async ({ images }: TestEngine, tag: string) => (await images.tagged(demo, tag)).descriptor.digest;

describe.each(kinds)('two servers on one store, over a %s', (kind) => {
  test('give the same digests, whichever was asked first', async () => {
    const { one, other } = await open(kind);
    const first = [await digestAt(one, '1.0.0'), await digestAt(other, '1.0.0')];
    const second = [await digestAt(other, '2.0.0'), await digestAt(one, '2.0.0')];
    const both = await Promise.all([digestAt(one, '1.1.0'), digestAt(other, '1.1.0')]);

    for (const [here, there] of [first, second, both]) expect(here).toBe(there);
  });

  test('open at once what the other one told', async () => {
    const { one, other, upstream } = await open(kind);
    const digest = await digestAt(one, '1.0.0');
    upstream.down = unreachable();

    expect((await other.images.manifest(demo, digest)).descriptor.digest).toBe(digest);
  });

  test('open what the other one found by name', async () => {
    const { one, other, upstream } = await open(kind);
    await upstream.publish('demo', '3.0.0');
    await pass(one.clock, 3_000);
    const digest = await digestAt(one, '3.0.0');
    const [before] = [upstream.calls.length];

    expect((await other.images.manifest(demo, digest)).descriptor.digest).toBe(digest);
    expect(upstream.calls.length).toBe(before);
  });

  test('serve the same after a restart without any upstream', async () => {
    const { one, options, upstream } = await open(kind);
    const digest = await digestAt(one, '1.0.0');
    await one.engine.stop();
    upstream.down = unreachable();
    const later = await openEngine(options);

    expect(await digestAt(later, '1.0.0')).toBe(digest);
    expect((await later.images.manifest(demo, digest)).descriptor.digest).toBe(digest);
  });
});

describe('two servers', () => {
  test('look at the store ten times a second at most, and never say that something is missing before they did', async () => {
    const { one, other, options } = await open();
    const unknown = digestOf(Buffer.from('nobody has this'));
    expect((await faultOf(pull(other.images, demo, unknown))).code).toBe('not-found');
    let looks = 0;
    options.store.beforeRead = (key) => void (looks += key === 'state.json' ? 1 : 0);
    const { digest } = await pull(one.images, demo, '1.0.0');
    looks = 0;
    const asked = [
      pull(other.images, demo, digest),
      ...[1, 2, 3].map(() => faultOf(pull(other.images, demo, unknown))),
    ];
    await turn();
    expect(looks).toBe(0);
    await pass(other.clock, 100, 50);

    const [found, ...missing] = await Promise.all(asked);
    expect(found).toMatchObject({ digest });
    expect(missing).toMatchObject([{ code: 'not-found' }, { code: 'not-found' }, { code: 'not-found' }]);
    // one to see that it changed, one to read it
    expect(looks).toBeLessThanOrEqual(4);
  });

  test('say that the store does not answer rather than that something is missing', async () => {
    const { other, options } = await open();
    options.store.beforeRead = storeGone;

    expect((await faultOf(pull(other.images, demo, digestOf(signature)))).code).toBe('store-failed');
  });

  test('keep the digest of a chart without its provenance when that comes later', async () => {
    const { one, other, upstream } = await open();
    await one.archive('demo', '1.0.0');
    upstream.before.open = (call) => {
      if (call.startsWith('open provenance')) throw unreachable();
    };
    const unsigned = await pull(one.images, demo, '1.0.0');
    upstream.before.open = undefined;
    await other.provenance('demo', '1.0.0');
    const signed = await pull(other.images, demo, '1.0.0');
    await other.engine.commit();
    await one.engine.committed.follow();

    expect(signed.digest).not.toBe(unsigned.digest);
    expect(await digestAt(one, '1.0.0')).toBe(signed.digest);
    for (const { images } of [one, other]) {
      expect((await pull(images, demo, unsigned.digest)).manifest).toEqual(unsigned.manifest);
      expect((await pull(images, demo, signed.digest)).manifest).toEqual(signed.manifest);
    }
  });

  test('forget nothing of what the other one told for what they found out themselves', async () => {
    const { one, other, upstream } = await open();
    await upstream.publish('demo', '3.0.0');
    await one.operator.sync('nexus');
    await other.operator.sync('nexus');
    const unsigned = await pull(one.images, demo, '3.0.0');
    upstream.rows = upstream.rows.map((row) => ({ ...row, provenance: signature }));
    // of an archive that the other one holds, without knowing what it told of it
    expect(await other.provenance('demo', '3.0.0')).toEqual(signature);

    expect((await pull(other.images, demo, unsigned.digest)).manifest).toEqual(unsigned.manifest);
    expect((await pull(other.images, demo, '3.0.0')).digest).not.toBe(unsigned.digest);
  });

  test('serve the bytes that were accepted anew under the tag, and not those before by their digest', async () => {
    const { one, other, upstream } = await open();
    const before = await pull(one.images, demo, '1.0.0');
    upstream.withdraw('demo', '1.0.0');
    const archive = await chartArchive({ name: 'demo', version: '1.0.0', description: 'rewritten' });
    await upstream.publish('demo', '1.0.0', { archive });
    await one.operator.sync('nexus');
    expect(await digestAt(one, '1.0.0')).toBe(before.digest);

    await one.operator.accept({ upstream: 'nexus', chart: 'demo', version: '1.0.0' });
    const after = await pull(one.images, demo, '1.0.0');
    expect(JSON.parse(after.config.toString())).toMatchObject({ description: 'rewritten' });
    expect((await pull(other.images, demo, after.digest)).manifest).toEqual(after.manifest);
    await pass(one.clock, 2_000);
    expect((await faultOf(pull(one.images, demo, before.digest))).code).toBe('not-found');
  });
});
