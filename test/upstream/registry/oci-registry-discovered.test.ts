import { describe, expect, it } from 'vitest';

import { Catalog } from '../../../src/chart/catalog.ts';
import { digestOf } from '../../../src/chart/digest.ts';
import { Fault } from '../../../src/chart/fault.ts';
import { systemClock, type Clock } from '../../../src/lib/clock.ts';
import type { Listing, Upstream } from '../../../src/upstream/contract.ts';
import { readChart } from '../../../src/upstream/discovery/api.ts';
import type { DiscoveredRepository, DiscoveredTag } from '../../../src/upstream/discovery/discovery.ts';
import { registryAddress } from '../../../src/upstream/registry/address.ts';
import { ociRegistry } from '../../../src/upstream/registry/oci-registry.ts';
import { chartArchive } from '../../support/charts.ts';
import { ManualClock } from '../../support/clock.ts';
import { fakeRegistry, type FakeRegistry } from '../../support/fake-registry.ts';
import { faultOf, httpClientOf, never } from '../../support/http.ts';
import { registryUpstream } from '../../support/registry-upstream.ts';

const digest = digestOf(Buffer.from('a manifest'));

interface Shop {
  readonly upstream: Upstream;
  /** How often its kind of listing was chosen. */
  readonly chosen: () => number;
}

/** An upstream whose product lists what `found` says, as it wants it. */
function shopOf(
  registry: FakeRegistry,
  found: () => readonly DiscoveredRepository[],
  charts: readonly string[] = ['*'],
  clock: Clock = systemClock,
): Shop {
  let times = 0;
  const discover = async () => {
    times += 1;
    const wanted = async (isWanted: (repository: string) => boolean): Promise<readonly DiscoveredRepository[]> =>
      found().filter(({ repository }) => isWanted(repository));
    return { product: 'Fixture', repositories: wanted };
  };
  const address = registryAddress('fixture', `oci://${new URL(registry.origin).host}/charts`, true);
  const http = httpClientOf(registry.origin, { upstream: 'fixture' });
  const upstream = ociRegistry({ name: 'fixture', address, charts, http, discover, clock });
  return { upstream, chosen: () => times };
}

const podinfo = async (version = '1.0.0') => ({
  name: 'podinfo',
  version,
  archive: await chartArchive({ name: 'podinfo', version }),
});

async function listed({ upstream }: Shop): Promise<Listing> {
  const listing = await upstream.list(undefined, never);
  if ('unchanged' in listing) throw new Error('unchanged without a validator');
  return listing;
}

const rowsOf = (listing: Listing): string[] =>
  [...new Catalog(listing.claims).all()].map((row) => `${row.chart} ${row.version} ${row.claims[0]?.source}`);

const tagged = (repository: string, ...tags: readonly string[]): DiscoveredRepository => ({
  repository,
  tags: tags.map((tag): DiscoveredTag => ({ tag, digest })),
});

describe("a listing that is the product's own", () => {
  it('asks for the tags of those that came without them, and of no others', async () => {
    const registry = await fakeRegistry();
    registry.put('charts/loki', '2.0.0', '{}');
    const shop = shopOf(registry, () => [{ repository: 'charts/loki' }, tagged('charts/nginx', '1.0.0', 'latest')]);
    const listing = await listed(shop);
    expect(rowsOf(listing)).toEqual(['loki 2.0.0 charts/loki:2.0.0', `nginx 1.0.0 charts/nginx:1.0.0@${digest}`]);
    expect(listing.rejected).toEqual({ 'not-semver': 1 });
    expect(registry.requests.map(({ target }) => target)).toEqual(['/v2/charts/loki/tags/list?n=1000']);
  });

  it('is chosen once, and is unchanged as long as it says the same', async () => {
    const registry = await fakeRegistry();
    let tags = ['1.0.0'];
    const shop = shopOf(registry, () => [tagged('charts/nginx', ...tags)]);
    const { validator } = await listed(shop);
    expect(await shop.upstream.list(validator, never)).toHaveProperty('unchanged');
    tags = ['1.0.0', '1.1.0'];
    expect(await shop.upstream.list(validator, never)).not.toHaveProperty('unchanged');
    expect(shop.chosen()).toBe(1);
  });

  it('has changed when a tag points to something else', async () => {
    const registry = await fakeRegistry();
    let now = digest;
    const shop = shopOf(registry, () => [{ repository: 'charts/nginx', tags: [{ tag: '1.0.0', digest: now }] }]);
    const { validator } = await listed(shop);
    now = digestOf(Buffer.from('another manifest'));
    expect(await shop.upstream.list(validator, never)).not.toHaveProperty('unchanged');
  });

  it('claims a Chart.yaml only where it is that of the repository and the tag', async () => {
    const registry = await fakeRegistry();
    const chart = { apiVersion: 'v2', name: 'nginx', version: '1.0.0+b.1', description: 'a', 'x-own': 1 };
    const tags: DiscoveredTag[] = [
      { tag: '1.0.0_b.1', digest, chart: readChart(chart), created: '2026-01-02T03:04:05Z' },
      { tag: '1.1.0', digest, chart: readChart(chart) },
      { tag: '1.2.0', digest, chart: readChart({ ...chart, name: 'evil', version: '1.2.0' }) },
      { tag: '1.3.0', digest, chart: readChart({ ...chart, version: '1.3.0', dependencies: 'many' }), created: 'now' },
    ];
    const listing = await listed(shopOf(registry, () => [{ repository: 'charts/nginx', tags }]));
    const claims = [...new Catalog(listing.claims).versions('nginx')].map((row) => row.claims[0]);
    expect(claims.map((claim) => [claim?.version, claim?.metadata !== undefined, claim?.created])).toEqual([
      ['1.3.0', false, undefined],
      ['1.2.0', false, undefined],
      ['1.1.0', false, undefined],
      ['1.0.0+b.1', true, '2026-01-02T03:04:05Z'],
    ]);
    expect(claims.at(-1)).toMatchObject({ brief: true, extra: '{"x-own":1}' });
    expect(claims.at(-1)).not.toHaveProperty('digest');
  });

  it.each([
    [['*'], ['a', 'b', 'c', 'd']],
    [
      ['a', 'c'],
      ['a', 'c'],
    ],
    [['team/*'], ['c', 'd']],
    [
      ['team/c', 'b'],
      ['b', 'c'],
    ],
    [
      ['*', '!a'],
      ['b', 'c', 'd'],
    ],
    [
      ['**', '!team/c'],
      ['a', 'b', 'd'],
    ],
    [
      ['**', '!team/**'],
      ['a', 'b'],
    ],
    [['!d'], ['a', 'b', 'c']],
  ] as const)('is of the names and globs %j, on paths below the url and on names', async (patterns, expected) => {
    const registry = await fakeRegistry();
    const below = ['a', 'b', 'team/c', 'team/d'].map((name) => tagged(`charts/${name}`, '1.0.0'));
    const others = ['chartsandmore/x', 'other/y', 'Charts/z', 'charts/Bad'].map((name) => tagged(name, '1.0.0'));
    const { claims } = await listed(shopOf(registry, () => [...below, ...others], patterns));
    expect([...new Catalog(claims).charts()]).toEqual(expected);
  });

  it('takes the first path of two that end in the same name, and reports the other', async () => {
    const registry = await fakeRegistry();
    const shop = shopOf(registry, () => [tagged('charts/b/nginx', '1.0.0'), tagged('charts/a/nginx', '2.0.0')], ['**']);
    const { examples, ...listing } = await listed(shop);
    expect(rowsOf({ examples, ...listing })).toEqual([`nginx 2.0.0 charts/a/nginx:2.0.0@${digest}`]);
    expect([listing.rejected, examples]).toEqual([
      { 'same-name': 1 },
      ['charts/b/nginx ends in the same name as charts/a/nginx, which comes first'],
    ]);
  });

  it('is not kept from a chart by images of the same name that come first', async () => {
    const registry = await fakeRegistry();
    const found = [{ repository: 'charts/apps/nginx', tags: [] }, tagged('charts/nginx', '1.0.0')];
    const shop = shopOf(registry, () => found, ['**']);
    const listing = await listed(shop);
    expect([rowsOf(listing), listing.rejected]).toEqual([[`nginx 1.0.0 charts/nginx:1.0.0@${digest}`], {}]);
  });

  it('reports a second path to a name also when it comes later', async () => {
    const registry = await fakeRegistry();
    let found = [tagged('charts/a/nginx', '2.0.0')];
    const shop = shopOf(registry, () => found, ['**']);
    const { validator } = await listed(shop);
    found = [...found, tagged('charts/b/nginx', '1.0.0')];
    expect(await shop.upstream.list(validator, never)).toMatchObject({ rejected: { 'same-name': 1 } });
  });

  it('of ten thousand versions leaves the main thread to others', async () => {
    const registry = await fakeRegistry();
    const tags = Array.from({ length: 20 }, (_, at) => `1.${at}.0`);
    const found = Array.from({ length: 500 }, (_, at) => tagged(`charts/chart-${at}`, ...tags));
    const shop = shopOf(registry, () => found);
    let turns = 0;
    let isOver = false;
    const others = (): void => {
      turns += 1;
      if (!isOver) setImmediate(others);
    };
    others();
    const listing = await listed(shop);
    isOver = true;
    expect(rowsOf(listing)).toHaveLength(10_000);
    expect(turns).toBeGreaterThan(500);
  });

  it('says nothing of repositories that have gone since it was made', async () => {
    const registry = await fakeRegistry();
    const listing = await listed(
      shopOf(registry, () => [{ repository: 'charts/gone' }, tagged('charts/nginx', '1.0.0')]),
    );
    expect([rowsOf(listing).length, listing.rejected]).toEqual([1, {}]);
  });

  it('is a fault when the product refuses, with what to do instead, and when any part of it fails', async () => {
    const registry = await fakeRegistry();
    const refusing = shopOf(registry, () => {
      throw new Fault('forbidden', 'fixture: no.', 'Check auth.');
    });
    const { code, advice } = await faultOf(refusing.upstream.list(undefined, never));
    expect([code, advice]).toEqual([
      'forbidden',
      'Check auth. Name the charts under charts in charts if these credentials may read charts but not list them.',
    ]);
    registry.on('/v2/charts/loki/tags/list', { status: 500 });
    const broken = shopOf(registry, () => [{ repository: 'charts/loki' }, tagged('charts/nginx', '1.0.0')]);
    expect((await faultOf(broken.upstream.list(undefined, never))).code).toBe('upstream-failed');
  });
});

describe('a chart that is asked for by name where listings are the product’s own', () => {
  it('is where the last listing found it, else right below the url, and nowhere else', async () => {
    const registry = await fakeRegistry();
    for (const repository of ['charts/team/nginx', 'charts/loki', 'charts/legacy-x']) {
      registry.put(repository, '1.0.0', '{}');
    }
    const shop = shopOf(registry, () => [tagged('charts/team/nginx', '1.0.0')], ['**', '!legacy-*']);
    const sourceOf = async (chart: string): Promise<string | undefined> =>
      (await shop.upstream.find(chart, '1.0.0', never))?.source;
    await listed(shop);
    expect(await sourceOf('nginx')).toBe('charts/team/nginx:1.0.0');
    expect(await sourceOf('loki')).toBe('charts/loki:1.0.0');
    const asked = registry.requests.length;
    expect(await sourceOf('legacy-x')).toBeUndefined();
    expect(registry.requests).toHaveLength(asked);
  });

  it('is looked for in a new listing by a process that made none lately', async () => {
    const registry = await fakeRegistry();
    for (const chart of ['nginx', 'loki']) registry.put(`charts/team/${chart}`, '1.0.0', '{}');
    let found = [tagged('charts/team/nginx', '1.0.0')];
    const [asked, clock] = [{ times: 0 }, new ManualClock()];
    const shop = shopOf(registry, () => ((asked.times += 1), found), ['**'], clock);
    const isThere = async (chart: string): Promise<boolean> =>
      (await shop.upstream.find(chart, '1.0.0', never)) !== undefined;
    expect([await isThere('nginx'), await isThere('loki'), asked.times]).toEqual([true, false, 1]);
    found = [...found, tagged('charts/team/loki', '1.0.0')];
    await clock.advance(119_999);
    expect([await isThere('loki'), asked.times]).toEqual([false, 1]);
    await clock.advance(1);
    expect([await isThere('nginx'), asked.times]).toEqual([true, 1]);
    expect([await isThere('loki'), asked.times]).toEqual([true, 2]);
  });

  it('is a fault, not an absence, while that listing is one', async () => {
    const registry = await fakeRegistry();
    const shop = shopOf(registry, () => {
      throw new Fault('upstream-failed', 'fixture: no.', 'Wait.');
    });
    expect((await faultOf(shop.upstream.find('nginx', '1.0.0', never))).code).toBe('upstream-failed');
  });
});

describe('a tag that was listed with what it points to', () => {
  it('is described and opened as it was listed, also when the tag has moved', async () => {
    const registry = await fakeRegistry();
    const listed = registry.push('charts/podinfo', await podinfo());
    registry.push('charts/podinfo', { ...(await podinfo()), fields: { description: 'another' } });
    const upstream = registryUpstream(registry.origin, 'charts');
    const source = `charts/podinfo:1.0.0@${listed.digest}`;
    const { claim, manifest } = (await upstream.describe(source, never)) ?? {};
    expect([manifest, claim?.source.split(' ')[0]]).toEqual([listed.manifest, `charts/podinfo@${listed.digest}`]);
    expect(await upstream.open(source, 'archive', never)).toMatchObject({ digest: listed.archive });
    // a digest needs to be asked for once
    expect(registry.requests.filter(({ target }) => target.includes('/manifests/'))).toHaveLength(1);
  });

  it('is what the tag is now when the registry has lost what was listed', async () => {
    const registry = await fakeRegistry();
    const { digest: now, manifest } = registry.push('charts/podinfo', await podinfo());
    const upstream = registryUpstream(registry.origin, 'charts');
    const described = await upstream.describe(`charts/podinfo:1.0.0@${digest}`, never);
    expect(described?.manifest).toEqual(manifest);
    expect(described?.claim.source.split(' ')[0]).toBe(`charts/podinfo@${now}`);
    expect(await upstream.describe(`charts/podinfo:1.1.0@${digest}`, never)).toBeUndefined();
  });

  it('is refused when the version inside is not what the tag says', async () => {
    const registry = await fakeRegistry();
    const { digest } = registry.push('charts/podinfo', { ...(await podinfo('1.0.1')), tag: '1.0.0' });
    const fault = await faultOf(
      registryUpstream(registry.origin, 'charts').describe(`charts/podinfo:1.0.0@${digest}`, never),
    );
    expect([fault.code, fault.message]).toEqual([
      'archive-invalid',
      `fixture: charts/podinfo:1.0.0@${digest} holds the chart podinfo 1.0.1, which is not what it is called.`,
    ]);
  });
});
