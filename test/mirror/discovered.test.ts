import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { UpstreamSettings } from '../../src/mirror/settings.ts';
import { readChart } from '../../src/upstream/discovery/api.ts';
import type { DiscoveredTag, Discovery } from '../../src/upstream/discovery/discovery.ts';
import { registryAddress } from '../../src/upstream/registry/address.ts';
import { ociRegistry } from '../../src/upstream/registry/oci-registry.ts';
import { chartArchive } from '../support/charts.ts';
import { openEngine, pass, watchedStore, type WatchedStore } from '../support/engine.ts';
import { fakeRegistry } from '../support/fake-registry.ts';
import { httpClientOf } from '../support/http.ts';

/** What the product's own listing says of a tag beside its name and digest: all of Chart.yaml, or nothing. */
type Product = 'whole charts' | 'digests';

/** A registry that is listed by its product, mirrored on request. */
async function world(product: Product) {
  const registry = await fakeRegistry();
  const shelf = new Map<string, Map<string, DiscoveredTag>>();
  const push = async (name: string, version: string, description: string) => {
    const archive = await chartArchive({ name, version }, { 'README.md': description });
    const { digest } = registry.push(`charts/${name}`, { name, version, archive, fields: { description } });
    const chart = product === 'digests' ? undefined : readChart({ apiVersion: 'v2', name, version, description });
    const tags = shelf.get(`charts/${name}`) ?? new Map<string, DiscoveredTag>();
    shelf.set(`charts/${name}`, tags.set(version, { tag: version, digest, chart }));
    return archive;
  };
  const repositories: Discovery['repositories'] = async (isWanted) => {
    const wanted = [...shelf].filter(([repository]) => isWanted(repository));
    return wanted.map(([repository, tags]) => ({ repository, tags: [...tags.values()] }));
  };
  const open = (store: WatchedStore, settings: Partial<UpstreamSettings> = {}) => {
    const { charts = ['*'] } = settings;
    const upstream = ociRegistry({
      name: 'corp',
      address: registryAddress('corp', `oci://${new URL(registry.origin).host}/charts`, true),
      charts,
      discover: async () => ({ product, repositories }),
      http: httpClientOf(registry.origin, { upstream: 'corp' }),
      clock: systemClock,
    });
    return openEngine({ upstreams: { corp: { upstream, type: 'registry', mirror: 'requested', ...settings } }, store });
  };
  const store = watchedStore();
  const chartroom = await open(store);
  const asked = () => registry.requests.length;
  return { registry, shelf, push, store, open, chartroom, asked, sync: () => chartroom.operator.sync('corp') };
}

const bareDigestOf = (archive: Buffer): string => digestOf(archive).slice('sha256:'.length);

describe('a chart of which the listing has the whole Chart.yaml', () => {
  test('is offered without a request for its manifest, and without a digest', async () => {
    const { push, chartroom, asked, sync } = await world('whole charts');
    await push('nginx', '1.0.0', 'first');
    await sync();

    expect(chartroom.rows('nginx')).toMatchObject([{ version: '1.0.0', description: 'first' }]);
    expect(chartroom.rows('nginx')[0]).not.toHaveProperty('digest');
    expect(asked()).toBe(0);
  });

  test('is described when it is fetched, and from then on its digest is in the index, also after a restart', async () => {
    const { push, chartroom, open, store, asked, sync } = await world('whole charts');
    const archive = await push('nginx', '1.0.0', 'first');
    await sync();
    expect(await chartroom.archive('nginx', '1.0.0')).toEqual(archive);
    const requests = asked();
    await pass(chartroom.clock, 10_000, 10_000);
    expect(chartroom.rows('nginx')[0]?.digest).toBe(bareDigestOf(archive));

    await push('nginx', '1.1.0', 'second');
    expect(await sync()).toMatchObject({ added: 1, changed: 0, rewritten: 0 });
    await chartroom.engine.stop();
    const again = await open(store);
    expect(await again.operator.sync('corp')).toMatchObject({ unchanged: true });
    expect(again.rows('nginx').map(({ digest }) => digest)).toEqual([undefined, bareDigestOf(archive)]);
    const { manifest, config } = await again.reader.resolve({ repository: 'all', chart: 'nginx', version: '1.0.0' });
    expect([manifest, config]).not.toContain(undefined);
    expect(asked()).toBe(requests);
  });

  test('follows its tag until it is fetched', async () => {
    const { push, chartroom, asked, sync } = await world('whole charts');
    await push('nginx', '1.0.0', 'first');
    await sync();
    const second = await push('nginx', '1.0.0', 'second');
    await sync();

    expect(chartroom.rows('nginx')).toMatchObject([{ description: 'second' }]);
    expect(asked()).toBe(0);
    expect(await chartroom.archive('nginx', '1.0.0')).toEqual(second);
  });

  test('is reported when its tag moved after it was fetched, and its first bytes stay', async () => {
    const { push, chartroom, sync } = await world('whole charts');
    const first = await push('nginx', '1.0.0', 'first');
    await sync();
    await chartroom.archive('nginx', '1.0.0');
    await push('nginx', '1.0.0', 'second');
    await sync();

    expect(chartroom.status('corp').counts.rewritten).toBe(1);
    expect(chartroom.rows('nginx')).toMatchObject([{ digest: bareDigestOf(first), description: 'first' }]);
    expect(await chartroom.archive('nginx', '1.0.0')).toEqual(first);
  });

  test('is reported, too, when the process that fetched it died before it could say so', async () => {
    const { push, chartroom, open, store, sync } = await world('whole charts');
    const first = await push('nginx', '1.0.0', 'first');
    await sync();
    await chartroom.archive('nginx', '1.0.0');
    const again = await open(await store.copy());
    await push('nginx', '1.0.0', 'second');
    await again.operator.sync('corp');

    expect(await again.archive('nginx', '1.0.0')).toEqual(first);
    await pass(again.clock, 10_000, 10_000);
    await again.operator.sync('corp');
    expect(again.status('corp').counts.rewritten).toBe(1);
    expect(again.rows('nginx')).toMatchObject([{ digest: bareDigestOf(first) }]);
  });
});

describe('a tag of which the listing has the digest', () => {
  test('that moved is seen at the next listing', async () => {
    const { push, chartroom, sync } = await world('digests');
    await push('nginx', '1.0.0', 'first');
    await sync();
    const second = await push('nginx', '1.0.0', 'second');
    expect(await sync()).toMatchObject({ changed: 1, rewritten: 0 });

    expect(chartroom.rows('nginx')).toMatchObject([{ digest: bareDigestOf(second), description: 'second' }]);
    expect(await chartroom.archive('nginx', '1.0.0')).toEqual(second);
  });

  test('that moved never leaves the index, also while nobody says what it is now', async () => {
    const { registry, shelf, push, chartroom, sync } = await world('digests');
    await push('nginx', '1.0.0', 'first');
    await sync();
    const second = await push('nginx', '1.0.0', 'second');
    const { digest } = shelf.get('charts/nginx')?.get('1.0.0') ?? {};
    registry.on(`/v2/charts/nginx/manifests/${digest}`, { status: 500 });
    await sync();
    expect(chartroom.rows('nginx')).toMatchObject([{ description: 'first' }]);
    expect(chartroom.rows('nginx')[0]).not.toHaveProperty('digest');

    registry.off(`/v2/charts/nginx/manifests/${digest}`);
    await sync();
    expect(chartroom.rows('nginx')).toMatchObject([{ digest: bareDigestOf(second), description: 'second' }]);
  });

  test('that moved after it was fetched is reported, and its first bytes stay', async () => {
    const { push, chartroom, sync } = await world('digests');
    const first = await push('nginx', '1.0.0', 'first');
    await sync();
    await chartroom.archive('nginx', '1.0.0');
    await push('nginx', '1.0.0', 'second');
    await sync();

    expect(chartroom.status('corp').counts.rewritten).toBe(1);
    expect(chartroom.rows('nginx')).toMatchObject([{ digest: bareDigestOf(first) }]);
    expect(await chartroom.archive('nginx', '1.0.0')).toEqual(first);
  });
});

describe('a repository that a listing no longer names', () => {
  test('is withdrawn after three listings, goes on being offered, and comes back without being described', async () => {
    const { shelf, push, chartroom, asked, sync } = await world('digests');
    await push('nginx', '1.0.0', 'first');
    await push('loki', '2.0.0', 'first');
    await sync();
    const requests = asked();
    const gone = shelf.get('charts/nginx');
    shelf.delete('charts/nginx');
    for (const withdrawn of [0, 0, 1, 1]) {
      await sync();
      expect(chartroom.status('corp').counts.withdrawn).toBe(withdrawn);
      expect(chartroom.versions('nginx')).toEqual(['1.0.0']);
    }
    expect(chartroom.rows('nginx')[0]?.annotations).toEqual({ 'chartroom/withdrawn': 'true' });

    if (gone) shelf.set('charts/nginx', gone);
    await sync();
    expect(chartroom.status('corp').counts.withdrawn).toBe(0);
    expect(chartroom.rows('nginx')[0]).not.toHaveProperty('annotations');
    expect(asked()).toBe(requests);
  });
});

describe('a filter that is narrowed', () => {
  test('hides at once, makes nothing withdrawn, and brings it back at once when it is widened', async () => {
    const { push, store, chartroom, open, sync } = await world('whole charts');
    for (const name of ['nginx', 'loki', 'mysql']) await push(name, '1.0.0', 'first');
    await sync();
    await chartroom.engine.stop();
    const narrow = await open(store, { charts: ['nginx'], withdrawn: 'drop' });
    for (let times = 0; times < 4; times += 1) await narrow.operator.sync('corp');
    expect([narrow.versions('nginx'), narrow.versions('loki')]).toEqual([['1.0.0'], []]);
    expect(narrow.status('corp').counts.withdrawn).toBe(0);
    await narrow.engine.stop();

    const wide = await open(store, { withdrawn: 'drop' });
    expect(['nginx', 'loki', 'mysql'].map((name) => wide.versions(name))).toEqual([['1.0.0'], ['1.0.0'], ['1.0.0']]);
  });
});
