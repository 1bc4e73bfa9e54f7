import { describe, expect, it, onTestFinished } from 'vitest';

import { Catalog } from '../../../src/chart/catalog.ts';
import { digestOf } from '../../../src/chart/digest.ts';
import type { Listing, Upstream } from '../../../src/upstream/contract.ts';
import { brokenUpstream } from '../../contract/upstream-broken.ts';
import { rationHeaders, type OfferedChart } from '../../contract/upstream-fixture.ts';
import { describeUpstream, upstreamPromises } from '../../contract/upstream.ts';
import { fakeRegistry, type FakeRegistry, type LinkStyle } from '../../support/fake-registry.ts';
import { faultOf, never } from '../../support/http.ts';
import { registryUpstream } from '../../support/registry-upstream.ts';

function offer(registry: FakeRegistry, before: readonly OfferedChart[], charts: readonly OfferedChart[]): void {
  const tag = (version: string): string => version.replaceAll('+', '_');
  for (const chart of charts) registry.push(`charts/${chart.name}`, chart);
  for (const { name, version } of before) {
    if (!charts.some((one) => one.name === name && one.version === version)) {
      registry.removeTag(`charts/${name}`, tag(version));
    }
  }
}

describeUpstream('an OCI registry', async (first) => {
  const registry = await fakeRegistry({ auth: 'bearer', pageSize: 2 });
  offer(registry, [], first);
  let present = first;
  return {
    upstream: registryUpstream(registry.origin, 'charts', { charts: ['nginx', 'loki'] }),
    offer: async (next) => {
      offer(registry, present, next);
      present = next;
    },
    ration: async (allowance) => registry.alwaysSay(rationHeaders(allowance)),
    fail: async () => registry.all({ status: 500, body: 'oops' }),
    failPartly: async () => registry.on('/v2/charts/nginx/tags/list', { status: 503 }),
    hang: async () => {
      const [arrived, latch] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      onTestFinished(() => latch.resolve());
      registry.all(() => {
        arrived.resolve();
        return { hold: latch.promise };
      });
      return { arrived: arrived.promise };
    },
  };
});

describe('the contract of an upstream', () => {
  it.each(upstreamPromises)('is not kept by one that is broken: $title', async ({ check }) => {
    await expect(check(brokenUpstream)).rejects.toBeInstanceOf(Error);
  });
});

async function listed(upstream: Upstream): Promise<Listing> {
  const listing = await upstream.list(undefined, never);
  if ('unchanged' in listing) throw new Error('unchanged without a validator');
  return listing;
}

const rowsOf = (listing: Listing): string[] =>
  [...new Catalog(listing.claims).all()].map((row) => `${row.chart} ${row.version} ${row.claims[0]?.source}`);

describe('a listing of a registry', () => {
  it('has the tags that are strict SemVer, and counts the others but for signatures', async () => {
    const registry = await fakeRegistry();
    const signature = `sha256-${'0'.repeat(64)}.sig`;
    for (const tag of ['1.0.0', '1.1.0_build.5', 'latest', 'v1.2.3', '1.2', '01.0.0', signature, '1.0.0-rc.1']) {
      registry.put('charts/podinfo', tag, '{}');
    }
    const listing = await listed(registryUpstream(registry.origin, 'charts', { charts: ['podinfo'] }));
    expect(rowsOf(listing)).toEqual([
      'podinfo 1.1.0+build.5 charts/podinfo:1.1.0_build.5',
      'podinfo 1.0.0 charts/podinfo:1.0.0',
      'podinfo 1.0.0-rc.1 charts/podinfo:1.0.0-rc.1',
    ]);
    expect(listing.rejected).toEqual({ 'not-semver': 4 });
    expect(listing.examples).toContain('charts/podinfo:latest is not a version');
  });

  it.each<LinkStyle>(['relative', 'absolute', 'inside-host', 'lost-prefix', 'unencoded'])(
    'is complete over pages with %s links, asking nobody else',
    async (link) => {
      const registry = await fakeRegistry({ pageSize: 3, link });
      const versions = Array.from({ length: 11 }, (_, at) => `1.${at}.0`);
      for (const version of versions) registry.put('helm/charts/podinfo', version, '{}');
      const listing = await listed(registryUpstream(registry.origin, 'helm/charts', { charts: ['podinfo'] }));
      expect(rowsOf(listing)).toHaveLength(11);
      expect(registry.requests[0]?.target).toBe('/v2/helm/charts/podinfo/tags/list?n=1000');
      expect(registry.requests).toHaveLength(4);
    },
  );

  it('takes null for no tags', async () => {
    const registry = await fakeRegistry();
    registry.on('/v2/charts/podinfo/tags/list', { body: '{"name":"charts/podinfo","tags":null}' });
    const listing = await listed(registryUpstream(registry.origin, 'charts', { charts: ['podinfo'] }));
    expect([rowsOf(listing), listing.rejected]).toEqual([[], {}]);
  });

  it.each([
    ['a web page', { headers: { 'content-type': 'text/html' }, body: '<html>' }, 'not-a-registry'],
    ['nothing', { body: '' }, 'listing-invalid'],
    ['another shape', { body: '{"tags":["1.0.0",2]}' }, 'listing-invalid'],
    ['half a list', { body: '{"tags":["1.0.0"', framing: 'close' }, 'listing-invalid'],
    ['a list that is cut off', { body: '{"tags":["1.0.0","1.1.0"]}', cutAt: 12 }, 'upstream-failed'],
    ['too much', { body: `{"tags":["${'x'.repeat(4_200_000)}"]}` }, 'too-large'],
    [
      'a page of an error',
      { status: 502, headers: { 'content-type': 'text/html' }, body: '<html>' },
      'upstream-failed',
    ],
    ['a refusal', { status: 403, body: '{"errors":[{"code":"DENIED"}]}' }, 'forbidden'],
    ['a refusal of credentials', { status: 401 }, 'unauthorized'],
    ['a limit', { status: 429, body: '{"errors":[{"message":"retry-after: 2s, allowed: 1/minute"}]}' }, 'rate-limited'],
  ] as const)('is a fault when a page is %s', async (_, script, code) => {
    const registry = await fakeRegistry();
    registry.put('charts/loki', '1.0.0', '{}');
    registry.on('/v2/charts/podinfo/tags/list', script);
    const upstream = registryUpstream(registry.origin, 'charts', { charts: ['loki', 'podinfo'] });
    const fault = await faultOf(upstream.list(undefined, never));
    expect([fault.code, fault.message.startsWith('fixture: ')]).toEqual([code, true]);
    if (code === 'rate-limited') expect(fault.retryAfterMs).toBe(2000);
    if (code === 'forbidden') expect(fault.message).toContain('charts/podinfo with these credentials (403 DENIED)');
  });

  it('reads no more lists at once than it is told, so that others get their turn', async () => {
    const registry = await fakeRegistry();
    const charts = ['a', 'b', 'c', 'd', 'e'];
    const latch = Promise.withResolvers<void>();
    const two = Promise.withResolvers<void>();
    for (const chart of charts) {
      registry.on(`/v2/charts/${chart}/tags/list`, () => {
        if (registry.requests.length === 2) two.resolve();
        return { body: '{"tags":["1.0.0"]}', hold: latch.promise };
      });
    }
    const upstream = registryUpstream(registry.origin, 'charts', { charts, concurrency: 2 });
    const listing = listed(upstream);
    await two.promise;
    // answered on a connection of its own, later than any request that was begun with the first two
    expect(await upstream.find('a', '9.9.9', never)).toBeUndefined();
    expect(registry.requests.filter(({ target }) => target.includes('/tags/'))).toHaveLength(2);
    latch.resolve();
    expect(rowsOf(await listing).map((row) => row.split(' ')[0])).toEqual(charts);
  });

  it('is a fault as soon as one list fails, although another never answers', async () => {
    const registry = await fakeRegistry();
    const [arrived, latch] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    onTestFinished(() => latch.resolve());
    registry.on('/v2/charts/loki/tags/list', () => {
      arrived.resolve();
      return { hold: latch.promise };
    });
    registry.on('/v2/charts/podinfo/tags/list', { status: 500, hold: arrived.promise });
    const upstream = registryUpstream(registry.origin, 'charts', { charts: ['loki', 'podinfo'] });
    expect((await faultOf(upstream.list(undefined, never))).code).toBe('upstream-failed');
  });

  it('is a fault when a later page fails, is missing, or never ends', async () => {
    const registry = await fakeRegistry();
    const list = '/v2/charts/podinfo/tags/list';
    const upstream = registryUpstream(registry.origin, 'charts', { charts: ['podinfo'], maxPages: 5 });
    const page = (tag: string, last: string): { body: string; headers: Record<string, string> } => ({
      body: JSON.stringify({ tags: [tag] }),
      headers: { link: `<${list}?last=${last}>; rel="next"` },
    });
    registry.on(list, page('1.0.0', 'a'), { status: 404, body: '{}' });
    expect((await faultOf(upstream.list(undefined, never))).code).toBe('upstream-failed');
    registry.on(list, page('1.0.0', 'a'), page('1.1.0', 'b'), page('1.2.0', 'a'));
    expect((await faultOf(upstream.list(undefined, never))).message).toContain('leads in a circle');
    registry.on(list, (request) => page(`1.0.${request.target.length}`, `${request.target.slice(-20)}x`));
    expect((await faultOf(upstream.list(undefined, never))).message).toContain('more than 5 pages');
  });

  it('ends where a server links to a last page again that has nothing new', async () => {
    const registry = await fakeRegistry();
    const link = { link: '</v2/charts/podinfo/tags/list?last=1.0.0&n=1000>; rel="next"' };
    registry.on('/v2/charts/podinfo/tags/list', { body: '{"tags":["1.0.0"]}', headers: link });
    const listing = await listed(registryUpstream(registry.origin, 'charts', { charts: ['podinfo'] }));
    expect(rowsOf(listing)).toHaveLength(1);
  });

  it('says which of several names the registry does not have, and lists the others', async () => {
    const registry = await fakeRegistry();
    registry.put('charts/loki', '1.0.0', '{}');
    const listing = await listed(registryUpstream(registry.origin, 'charts', { charts: ['loki', 'lokki'] }));
    expect(rowsOf(listing)).toHaveLength(1);
    expect([listing.rejected, listing.examples]).toEqual([
      { 'no-such-chart': 1 },
      ['the registry has no charts/lokki'],
    ]);
  });

  it('takes the first path of two that end in the same name, and reports the other', async () => {
    const registry = await fakeRegistry();
    registry.put('charts/b/nginx', '1.0.0', '{}');
    registry.put('charts/a/nginx', '2.0.0', '{}');
    const listing = await listed(registryUpstream(registry.origin, 'charts', { charts: ['b/nginx', 'a/nginx'] }));
    expect(rowsOf(listing)).toEqual(['nginx 2.0.0 charts/a/nginx:2.0.0']);
    expect(listing.rejected).toEqual({ 'same-name': 1 });
  });

  it('is of the url itself where that has chart tags and nobody named a chart', async () => {
    const registry = await fakeRegistry();
    registry.put('charts/podinfo', '1.0.0', '{}');
    expect(rowsOf(await listed(registryUpstream(registry.origin, 'charts/podinfo')))).toHaveLength(1);
    const above = await listed(registryUpstream(registry.origin, 'charts'));
    expect([rowsOf(above), above.rejected]).toEqual([[], {}]);
  });

  it('of a url that may not be read says that charts can be named', async () => {
    const registry = await fakeRegistry({ auth: 'bearer', anonymousTokens: false });
    const fault = await faultOf(registryUpstream(registry.origin, 'charts').list(undefined, never));
    expect([fault.code, fault.advice]).toEqual([
      'unauthorized',
      expect.stringContaining('Name the charts under charts'),
    ]);
  });

  it('of something that is no registry is a fault, not an empty listing', async () => {
    const registry = await fakeRegistry();
    registry.all({ status: 404, headers: { 'content-type': 'text/html' }, body: '<html>' });
    const upstream = registryUpstream(registry.origin, 'charts', { charts: ['podinfo'] });
    expect((await faultOf(upstream.list(undefined, never))).message).toMatch(/answered with a web page/);
    registry.all({ status: 404, body: 'nothing here' });
    expect((await faultOf(upstream.list(undefined, never))).message).toMatch(/\/v2\/ answered with 404/);
    const root = registryUpstream(registry.origin, '');
    expect((await faultOf(root.list(undefined, never))).code).toBe('not-a-registry');
  });
});

describe('a chart that was not listed', () => {
  it('is found below a url that names no charts, and in the url itself', async () => {
    const registry = await fakeRegistry();
    const digest = registry.put('charts/podinfo', '1.0.0_build.1', '{}');
    const claim = {
      chart: 'podinfo',
      version: '1.0.0+build.1',
      source: 'charts/podinfo:1.0.0_build.1',
      pinned: `charts/podinfo@${digest}`,
    };
    for (const path of ['charts', 'charts/podinfo']) {
      expect(await registryUpstream(registry.origin, path).find('podinfo', '1.0.0+build.1', never)).toEqual(claim);
    }
    expect(registry.requests.every((request) => request.method === 'HEAD')).toBe(true);
  });

  it('is not looked for where charts are named and it is not among them', async () => {
    const registry = await fakeRegistry();
    registry.put('charts/podinfo', '1.0.0', '{}');
    const upstream = registryUpstream(registry.origin, 'charts', { charts: ['loki'] });
    expect(await upstream.find('podinfo', '1.0.0', never)).toBeUndefined();
    expect(registry.requests).toHaveLength(0);
  });

  it('is found by registries that know no HEAD, and its absence is told from trouble', async () => {
    const registry = await fakeRegistry();
    registry.put('charts/podinfo', '1.0.0', '{}');
    const manifest = '/v2/charts/podinfo/manifests/1.0.0';
    const upstream = registryUpstream(registry.origin, 'charts');
    registry.on(manifest, { status: 405 }, { body: '{}' });
    const pinned = `charts/podinfo@${digestOf(Buffer.from('{}'))}`;
    expect(await upstream.find('podinfo', '1.0.0', never)).toMatchObject({ pinned });
    for (const headers of [{}, { 'docker-content-digest': 'sha512:abc' }]) {
      registry.on(manifest, { body: '{}', headers });
      expect(await upstream.find('podinfo', '1.0.0', never)).not.toHaveProperty('pinned');
    }
    registry.on(manifest, { headers: { 'content-type': 'text/html' }, body: '<html>' });
    expect((await faultOf(upstream.find('podinfo', '1.0.0', never))).code).toBe('not-a-registry');
    registry.on(manifest, { status: 429, headers: { 'retry-after': '3' } });
    expect(await faultOf(upstream.find('podinfo', '1.0.0', never))).toMatchObject({
      code: 'rate-limited',
      retryAfterMs: 3000,
    });
    registry.on(manifest, { status: 404 });
    expect(await upstream.find('podinfo', '1.0.0', never)).toBeUndefined();
  });
});

it('a registry with charts that can be no names is refused at once', () => {
  for (const chart of ['Nginx', '../x', 'nginx:1.0.0', '*']) {
    expect(() => registryUpstream('http://127.0.0.1:1', 'charts', { charts: [chart] })).toThrow(
      'in charts is not the name',
    );
  }
});
