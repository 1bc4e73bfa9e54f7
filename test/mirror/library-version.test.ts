import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { chartArchive } from '../support/charts.ts';
import { storeGone } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';
import { libraryOf, openLibrary, shownOf } from '../support/library.ts';

describe('one version', () => {
  test('is told with everything that is known of it', async () => {
    const upstream = new FakeUpstream();
    const archive = await chartArchive({ name: 'redis', version: '1.0.0' }, { 'README.md': '# redis\n' });
    const metadata = { description: 'A store', appVersion: '7' };
    await upstream.publish('redis', '1.0.0', { archive, metadata, created: '2025-01-01T00:00:00Z' });
    const { library, ref } = await openLibrary(upstream);

    expect(await library.version(ref('redis', '1.0.0'))).toEqual({
      chart: 'redis',
      version: '1.0.0',
      appVersion: '7',
      created: '2025-01-01T00:00:00Z',
      deprecated: false,
      withdrawn: false,
      digest: digestOf(archive),
      upstream: 'nexus',
      metadata: { name: 'redis', version: '1.0.0', apiVersion: 'v2', ...metadata },
      dependencies: [],
      firstSeen: '2026-01-01T00:00:00Z',
      size: archive.length,
      provenance: { result: 'unchecked' },
      documents: { readme: '# redis\n', values: 'replicas: 1\n', tooLarge: [] },
    });
  });

  test('of a registry is told although it was not described before', async () => {
    const upstream = new FakeUpstream('registry');
    await upstream.publish('redis', '1.0.0', { metadata: { description: 'A store' } });
    upstream.before.describe = () => {
      if (upstream.count('describe') === 1) throw unreachable();
    };
    const { library, ref } = await openLibrary(upstream, { upstreams: { nexus: { upstream, type: 'registry' } } });
    const details = await library.version(ref('redis', '1.0.0'));

    expect(details.metadata).toMatchObject({ description: 'A store' });
    expect(shownOf(details).values).toBe('replicas: 1\n');
  });

  test('that was found by name is told, although no list had it', async () => {
    const upstream = new FakeUpstream('registry');
    const settings = { upstream, type: 'registry', unlisted: true };
    const { library, ref } = await openLibrary(upstream, { upstreams: { nexus: settings } });
    await upstream.publish('redis', '1.0.0');

    expect(await library.version(ref('redis', '1.0.0'))).toMatchObject({ version: '1.0.0', upstream: 'nexus' });
  });

  test('that cannot be fetched now is told without its documents', async () => {
    const upstream = new FakeUpstream();
    const row = await upstream.publish('redis', '1.0.0', { metadata: { description: 'A store' } });
    const { library, ref } = await openLibrary(upstream);
    upstream.down = unreachable();
    const details = await library.version(ref('redis', '1.0.0'));

    expect(details).toMatchObject({
      digest: row.digest,
      metadata: { description: 'A store' },
      documents: { fault: { code: 'upstream-unreachable', message: 'fake: no answer (connection refused).' } },
    });
    expect(details.size).toBeUndefined();
  });

  test('that upstream lists and has no more is told without its documents', async () => {
    const upstream = new FakeUpstream();
    await upstream.publish('redis', '1.0.0', { archive: undefined });
    const { library, ref } = await openLibrary(upstream);

    expect(await library.version(ref('redis', '1.0.0'))).toMatchObject({ documents: { fault: { code: 'not-found' } } });
  });

  test('is told with its documents while upstream is down, once it is held', async () => {
    const upstream = new FakeUpstream();
    await upstream.publish('redis', '1.0.0');
    const { world, library, ref } = await openLibrary(upstream);
    await world.archive('redis', '1.0.0');
    upstream.down = unreachable();

    expect(shownOf(await library.version(ref('redis', '1.0.0'))).values).toBe('replicas: 1\n');
  });

  test('is told while the store is gone', async () => {
    const upstream = new FakeUpstream();
    await upstream.publish('redis', '1.0.0');
    const { store, world, library, ref } = await openLibrary(upstream, { maxHotBytes: 1 });
    await world.archive('redis', '1.0.0');
    store.beforeRead = storeGone;

    expect(await library.version(ref('redis', '1.0.0'))).toMatchObject({
      documents: { fault: { code: 'store-failed' } },
    });
  });

  test('that nobody has is a fault', async () => {
    const upstream = new FakeUpstream();
    await upstream.publish('redis', '1.0.0');
    const { library, ref } = await openLibrary(upstream);

    expect(await faultOf(library.version(ref('redis', '9.9.9')))).toMatchObject({ code: 'not-found' });
  });
});

describe('a version that a rule hides', () => {
  const rules = {
    'by name': { deny: [{ text: 'redis', chart: 'redis' }] },
    'by filter': { charts: ['!redis'] },
    'by age': { cooldownMs: 60_000 },
  } as const;

  test.each(Object.entries(rules))('%s is told nothing of, warm or cold', async (_, rule) => {
    const upstream = new FakeUpstream();
    await upstream.publish('redis', '1.0.0');
    const { world, library, ref } = await openLibrary(upstream, { repositories: { all: {}, strict: rule } });
    const code = 'deny' in rule ? 'denied' : 'not-found';

    expect(await faultOf(library.version(ref('redis', '1.0.0', 'strict')))).toMatchObject({ code });
    expect(upstream.count('open')).toBe(0);
    await library.version(ref('redis', '1.0.0'));
    await world.engine.commit();
    expect(await faultOf(library.version(ref('redis', '1.0.0', 'strict')))).toMatchObject({ code });
  });

  test('by the digest that only its bytes tell is told nothing of, also while they cannot be had', async () => {
    const upstream = new FakeUpstream();
    const archive = await chartArchive({ name: 'redis', version: '1.0.0' });
    await upstream.publish('redis', '1.0.0', { archive, digest: undefined });
    const deny = [{ text: 'redis@sha256', chart: 'redis', digest: digestOf(archive) }];
    const { library, ref } = await openLibrary(upstream, { repositories: { all: { deny } } });
    upstream.down = unreachable();
    expect(await faultOf(library.version(ref('redis', '1.0.0')))).toMatchObject({ code: 'upstream-unreachable' });
    upstream.down = undefined;

    expect(await faultOf(library.version(ref('redis', '1.0.0')))).toMatchObject({ code: 'denied' });
  });

  test.each(['by name', 'by digest'])(
    '%s since a reload that came while it was fetched is told nothing of',
    async (how) => {
      const upstream = new FakeUpstream();
      const archive = await chartArchive({ name: 'redis', version: '1.0.0' });
      await upstream.publish('redis', '1.0.0', { archive, digest: undefined });
      const { store, world, library, ref } = await openLibrary(upstream);
      const { settings } = world.known('nexus');
      const rule = { text: 'redis', chart: 'redis', ...(how === 'by digest' && { digest: digestOf(archive) }) };
      store.beforeWrite = async (key) => {
        if (!key.startsWith('derived/')) return;
        await world.reconfigure({ upstreams: { nexus: settings }, repositories: { all: { deny: [rule] } } });
      };

      expect(await faultOf(library.version(ref('redis', '1.0.0')))).toMatchObject({ code: 'denied' });
    },
  );
});

describe('the dependencies of a version', () => {
  async function needing(...dependencies: readonly object[]) {
    const upstream = new FakeUpstream();
    for (const version of ['1.0.0', '1.2.0', '2.0.0', '2.1.0-rc.1', '1.2.0+b1'])
      await upstream.publish('redis', version);
    await upstream.publish('denied', '1.0.0');
    await upstream.publish('app', '1.0.0', { metadata: { dependencies } });
    const deny = [{ text: 'denied', chart: 'denied' }];
    const { library, ref } = await openLibrary(upstream, { repositories: { all: { deny } } });
    return (await library.version(ref('app', '1.0.0'))).dependencies;
  }

  test.each([
    ['^1.0.0', '1.2.0+b1'],
    ['>=1, <1.1', '1.0.0'],
    ['*', '2.0.0'],
    ['>0.0.0-0', '2.1.0-rc.1'],
    ['1.2.0', '1.2.0'],
    ['1.2.0+b1', '1.2.0+b1'],
    [undefined, '2.0.0'],
    ['^3', undefined],
    ['no range', undefined],
  ])('that want %s can be had as %s', async (range, version) => {
    const [found] = await needing({ name: 'redis', version: range, repository: 'https://charts.example' });

    expect(found?.available).toEqual(version && { version, upstream: 'nexus' });
  });

  test('are told as they were written', async () => {
    const redis = { name: 'redis', version: '^9', repository: '@bitnami', alias: 'cache', condition: 'cache.enabled' };

    expect(await needing(redis)).toEqual([{ ...redis, available: undefined }]);
  });

  test('cannot be had where a rule hides them', async () => {
    const found = await needing({ name: 'denied', version: '*' }, { name: '__proto__', version: '*' });

    expect(found.map(({ available }) => available)).toEqual([undefined, undefined]);
  });
});

test('an error that is no fault is not taken for one', async () => {
  const upstream = new FakeUpstream();
  await upstream.publish('redis', '1.0.0');
  const { world, ref, store } = await openLibrary(upstream);
  const broken = libraryOf(world, store);
  world.engine.blobs.open = () => {
    throw new TypeError('a defect');
  };

  await expect(broken.version(ref('redis', '1.0.0'))).rejects.toThrow(TypeError);
});
