import { describe, expect, test } from 'vitest';

import type { ChartPage } from '../../src/mirror/contract/library.ts';
import { openEngine, watchedStore } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { libraryOf, openLibrary } from '../support/library.ts';

const all = { search: '', offset: 0, limit: 100 };

function namesIn({ charts }: ChartPage): readonly string[] {
  return charts.map(({ name }) => name);
}

describe('the repositories', () => {
  test('are told with what their lists show', async () => {
    const upstream = new FakeUpstream();
    await upstream.publish('redis', '1.0.0');
    await upstream.publish('redis', '2.0.0');
    await upstream.publish('nginx', '1.0.0');
    const { world, library } = await openLibrary(upstream, {
      repositories: { stable: { root: true, deny: [] }, one: { listNewest: 1, charts: ['redis'] } },
    });

    expect(library.repositories()).toEqual([
      { name: 'stable', root: true, upstreams: ['nexus'], charts: 2, versions: 3, etag: etagOf('stable') },
      { name: 'one', root: false, upstreams: ['nexus'], charts: 1, versions: 1, etag: etagOf('one') },
    ]);
    function etagOf(name: string): string {
      return world.reader.rendering(name).etag;
    }
  });

  test('have no etag before there is an index', async () => {
    const upstream = new FakeUpstream();
    const store = watchedStore();
    const world = await openEngine({ upstreams: { nexus: upstream }, store });
    const library = libraryOf(world, store);

    expect(library.repositories()).toEqual([
      { name: 'all', root: true, upstreams: ['nexus'], charts: 0, versions: 0, etag: undefined },
    ]);
    expect(() => library.charts('all', all)).toThrow('No upstream was ever listed');
    await expect(library.versions('all', 'redis')).rejects.toThrow('No upstream was ever listed');
  });

  test('list nothing by accident while no tag of a registry is described', async () => {
    const upstream = new FakeUpstream('registry');
    await upstream.publish('redis', '1.0.0');
    upstream.before.describe = () => {
      throw unreachable();
    };
    const { library } = await openLibrary(upstream, { upstreams: { nexus: { upstream, type: 'registry' } } });

    expect(() => library.charts('all', all)).toThrow('None of the tags');
    await expect(library.versions('all', 'redis')).rejects.toThrow('None of the tags');
  });
});

describe('the charts of a repository', () => {
  test('are those of its lists, by name, each by its latest stable version', async () => {
    const upstream = new FakeUpstream();
    const metadata = { description: 'A store', appVersion: '7', keywords: ['cache'], maintainers: [{ name: 'Ada' }] };
    await upstream.publish('redis', '1.0.0', { metadata, created: '2026-01-01T00:00:00Z' });
    await upstream.publish('redis', '2.0.0-rc.1');
    await upstream.publish('argo', '0.1.0-alpha', { metadata: { deprecated: true } });
    const { library } = await openLibrary(upstream);

    expect(await library.charts('all', all)).toEqual({
      total: 2,
      charts: [
        expect.objectContaining({ name: 'argo', version: '0.1.0-alpha', deprecated: true, versions: 1 }),
        {
          name: 'redis',
          version: '1.0.0',
          ...metadata,
          deprecated: false,
          updated: '2026-01-01T00:00:00Z',
          versions: 2,
          upstream: 'nexus',
        },
      ],
    });
  });

  test('come in pages, also those that are searched for', async () => {
    const upstream = new FakeUpstream();
    for (const name of ['d', 'b', 'a', 'c', 'e']) await upstream.publish(`redis-${name}`, '1.0.0');
    const { library } = await openLibrary(upstream);
    const pages = async (search: string) =>
      Promise.all([0, 2, 4, 6].map((offset) => Promise.resolve(library.charts('all', { search, offset, limit: 2 }))));

    for (const found of [await pages(' '), await pages('redis')]) {
      expect(found.map(namesIn)).toEqual([['redis-a', 'redis-b'], ['redis-c', 'redis-d'], ['redis-e'], []]);
      expect(found.map(({ total }) => total)).toEqual([5, 5, 5, 5]);
    }
  });

  test('that a reload denies are found no more, from the first moment on', async () => {
    const upstream = new FakeUpstream();
    for (const name of ['redis', 'redis-cluster']) await upstream.publish(name, '1.0.0');
    const { world, library } = await openLibrary(upstream);
    const search = () => library.charts('all', { ...all, search: 'redis' });
    expect(namesIn(await search())).toEqual(['redis', 'redis-cluster']);
    const settings = world.known('nexus').settings;
    const deny = [{ text: 'redis', chart: 'redis' }];
    await world.reconfigure({ upstreams: { nexus: settings }, repositories: { all: { root: true, deny } } });

    // what is indexed is still the one before
    expect(search()).not.toBeInstanceOf(Promise);
    expect(namesIn(await search())).toEqual(['redis-cluster']);
  });

  test('are refused in a repository that is not there', async () => {
    const upstream = new FakeUpstream();
    await upstream.publish('redis', '1.0.0');
    const { library } = await openLibrary(upstream);

    expect(() => library.charts('none', all)).toThrow('There is no repository none here.');
  });
});

describe('the versions of a chart', () => {
  test('are those of its lists, newest first', async () => {
    const upstream = new FakeUpstream();
    const row = await upstream.publish('redis', '1.0.0', {
      created: '2026-01-01T00:00:00Z',
      metadata: { appVersion: '7', deprecated: true },
    });
    await upstream.publish('redis', '2.0.0');
    await upstream.publish('redis', '3.0.0');
    const { library } = await openLibrary(upstream, { repositories: { all: { versions: [['redis', '<3']] } } });

    expect(await library.versions('all', 'redis')).toMatchObject([
      { version: '2.0.0', deprecated: false, withdrawn: false, upstream: 'nexus' },
      {
        version: '1.0.0',
        appVersion: '7',
        created: '2026-01-01T00:00:00Z',
        deprecated: true,
        withdrawn: false,
        digest: row.digest,
        upstream: 'nexus',
      },
    ]);
  });

  test.each(['nothing', '__proto__', 'hidden'])('are a fault where there are none: %s', async (name) => {
    const upstream = new FakeUpstream();
    await upstream.publish('hidden', '1.0.0');
    const { library } = await openLibrary(upstream, { repositories: { all: { charts: ['!hidden'] } } });

    await expect(library.versions('all', name)).rejects.toThrow(`all lists no chart ${name}.`);
  });

  test('are told while others get their turn, however many there are', async () => {
    const upstream = new FakeUpstream();
    for (let at = 0; at < 500; at += 1) await upstream.publish('redis', `1.${at}.0`, { archive: undefined });
    const { library } = await openLibrary(upstream);
    let [turns, isOver] = [0, false];
    const take = (): void => {
      turns += 1;
      if (!isOver) setImmediate(take);
    };
    take();
    const versions = await library.versions('all', 'redis');
    isOver = true;

    expect(turns).toBeGreaterThan(3);
    expect(versions.map(({ version }) => version)).toEqual(Array.from({ length: 500 }, (_, at) => `1.${499 - at}.0`));
  });
});
