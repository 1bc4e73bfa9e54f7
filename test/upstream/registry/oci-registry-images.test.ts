import { describe, expect, it } from 'vitest';

import { digestOf } from '../../../src/chart/digest.ts';
import { readAll } from '../../../src/lib/bytes.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import type { Part } from '../../../src/upstream/contract.ts';
import { anonymous } from '../../../src/upstream/credentials/preemptive.ts';
import { ociOpener } from '../../../src/upstream/registry/oci-opener.ts';
import { chartArchive } from '../../support/charts.ts';
import { ManualClock } from '../../support/clock.ts';
import { fakeRegistry, type FakeRegistry } from '../../support/fake-registry.ts';
import { faultUpstream } from '../../support/fault-upstream.ts';
import { faultOf, never, httpClientOf } from '../../support/http.ts';
import { registryUpstream } from '../../support/registry-upstream.ts';

const repository = 'charts/podinfo';
const upstreamOf = (registry: FakeRegistry, options = {}) => registryUpstream(registry.origin, 'charts', options);
const podinfo = async (version = '1.0.0') => ({
  name: 'podinfo',
  version,
  archive: await chartArchive({ name: 'podinfo', version }),
});
const manifests = (registry: FakeRegistry): number =>
  registry.requests.filter((request) => request.target.includes('/manifests/')).length;

describe('the description of a tag', () => {
  it('has manifest and config to the byte, and the claim they make, pinned to the digest', async () => {
    const registry = await fakeRegistry();
    const chart = await podinfo('1.0.0+build.5');
    const pushed = registry.push(repository, {
      ...chart,
      fields: { description: 'a <b>', appVersion: '6', 'x-own': 1 },
      annotations: { 'org.opencontainers.image.created': '2026-01-02T03:04:05Z' },
    });
    const description = await upstreamOf(registry).describe('charts/podinfo:1.0.0_build.5', never);
    expect(description).toMatchObject({ manifest: pushed.manifest, config: pushed.config });
    expect(description?.claim).toMatchObject({
      chart: 'podinfo',
      version: '1.0.0+build.5',
      source: `charts/podinfo@${pushed.digest} archive=${pushed.archive},${chart.archive.length}`,
      digest: digestOf(chart.archive),
      created: '2026-01-02T03:04:05Z',
      extra: '{"x-own":1}',
    });
    expect(JSON.parse(description?.claim.metadata ?? '')).toMatchObject({ name: 'podinfo', appVersion: '6' });
  });

  it('leaves out a time that is none', async () => {
    const registry = await fakeRegistry();
    registry.push(repository, {
      ...(await podinfo()),
      annotations: { 'org.opencontainers.image.created': 'yesterday' },
    });
    expect((await upstreamOf(registry).describe('charts/podinfo:1.0.0', never))?.claim.created).toBeUndefined();
  });

  it('is undefined for what the registry does not have', async () => {
    const registry = await fakeRegistry();
    expect(await upstreamOf(registry).describe('charts/podinfo:1.0.0', never)).toBeUndefined();
    expect(await upstreamOf(registry).describe(`charts/podinfo@sha256:${'0'.repeat(64)}`, never)).toBeUndefined();
  });

  it.each([
    ['a container image', { config: { mediaType: 'application/vnd.oci.image.config.v1+json' }, layers: [] }],
    ['a container image', { config: { mediaType: 'application/vnd.docker.container.image.v1+json' }, layers: [{}] }],
    ['an artifact of Flux', { config: { mediaType: 'application/vnd.cncf.flux.config.v1+json' }, layers: [] }],
    ['some other artifact', { layers: [] }],
    ['an index of images', { manifests: [{}, {}] }],
    ['its only entry is no descriptor', { manifests: [{ digest: 'md5:1' }] }],
    ['it has no layers', { config: {} }],
  ])('is a refusal in words for %s', async (words, manifest) => {
    const registry = await fakeRegistry();
    registry.put(repository, '1.0.0', JSON.stringify(manifest));
    const fault = await faultOf(upstreamOf(registry).describe('charts/podinfo:1.0.0', never));
    expect(fault.code).toBe('not-a-chart');
    expect(fault.message).toMatch(/^fixture: charts\/podinfo:1\.0\.0 is not a chart: /);
    expect(fault.message).toContain(words);
  });

  it('follows an index with a single entry, once', async () => {
    const registry = await fakeRegistry();
    const pushed = registry.push(repository, await podinfo());
    const entry = { mediaType: 'application/vnd.oci.image.manifest.v1+json', size: pushed.manifest.length };
    const index = registry.put(
      repository,
      '1.0.0',
      JSON.stringify({ manifests: [{ ...entry, digest: pushed.digest }] }),
    );
    const upstream = upstreamOf(registry);
    const pinned = (await upstream.find('podinfo', '1.0.0', never))?.pinned ?? '';
    expect(pinned).toBe(`charts/podinfo@${index}`);
    for (const source of ['charts/podinfo:1.0.0', pinned]) {
      const { claim, manifest } = (await upstream.describe(source, never)) ?? {};
      expect([claim?.source.split(' ')[0], manifest]).toEqual([pinned, pushed.manifest]);
      expect(await upstream.open(claim?.source ?? '', 'archive', never)).toMatchObject({ digest: pushed.archive });
      expect(await upstream.open(source, 'archive', never)).toMatchObject({ digest: pushed.archive });
    }
    const nested = registry.put(repository, 'x', JSON.stringify({ manifests: [{ ...entry, digest: pushed.digest }] }));
    registry.put(repository, '2.0.0', JSON.stringify({ manifests: [{ ...entry, digest: nested }] }));
    expect((await faultOf(upstreamOf(registry).describe('charts/podinfo:2.0.0', never))).code).toBe('not-a-chart');
  });

  it('is refused when name or version inside are not what the tag says', async () => {
    const registry = await fakeRegistry();
    registry.push(repository, { ...(await podinfo('1.0.1')), tag: '1.0.0' });
    registry.push(repository, { ...(await podinfo('2.0.0')), name: 'evil' });
    registry.push(repository, { ...(await podinfo('3.0.0')), fields: { version: 3 } });
    registry.push(repository, { ...(await podinfo('4.0.0')), fields: { dependencies: 'many' } });
    const told = async (tag: string): Promise<string[]> => {
      const { code, message } = await faultOf(upstreamOf(registry).describe(`charts/podinfo:${tag}`, never));
      return [code, message];
    };
    expect(await told('1.0.0')).toEqual([
      'archive-invalid',
      'fixture: charts/podinfo:1.0.0 holds the chart podinfo 1.0.1, which is not what it is called.',
    ]);
    expect((await told('2.0.0'))[1]).toContain('holds the chart evil 2.0.0');
    expect((await told('3.0.0'))[1]).toContain('holds the chart podinfo (unreadable)');
    expect((await told('4.0.0'))[1]).toContain('has a Chart.yaml that Helm refuses');
  });

  it('is never made of bytes that are not the ones their digests name', async () => {
    const registry = await fakeRegistry();
    const pushed = registry.push(repository, await podinfo());
    const config = `/v2/charts/podinfo/blobs/${digestOf(pushed.config)}`;
    const tampered = Buffer.from(pushed.config.toString().replace('v2', 'v3'));
    const faultWith = async (path: string, body: Buffer, headers = {}) => {
      registry.on(path, { body, headers });
      const fault = await faultOf(upstreamOf(registry).describe(`charts/podinfo@${pushed.digest}`, never));
      registry.off(path);
      return fault.code;
    };
    expect(await faultWith(config, tampered)).toBe('digest-mismatch');
    expect(await faultWith(config, Buffer.concat([pushed.config, Buffer.from(' ')]))).toBe('digest-mismatch');
    expect(await faultWith(config, pushed.config.subarray(0, 10))).toBe('upstream-failed');
    const manifest = `/v2/charts/podinfo/manifests/${pushed.digest}`;
    expect(await faultWith(manifest, Buffer.concat([pushed.manifest, Buffer.from(' ')]))).toBe('digest-mismatch');
    const tag = '/v2/charts/podinfo/manifests/1.0.0';
    registry.on(tag, { body: `${pushed.manifest} `, headers: { 'docker-content-digest': pushed.digest } });
    expect((await faultOf(upstreamOf(registry).describe('charts/podinfo:1.0.0', never))).code).toBe('digest-mismatch');
  });

  it('that fails is not taken for a refusal: web page, half a manifest, too large, lost config', async () => {
    const registry = await fakeRegistry();
    const pushed = registry.push(repository, await podinfo());
    const tag = '/v2/charts/podinfo/manifests/1.0.0';
    const codeOf = async (): Promise<string> =>
      (await faultOf(upstreamOf(registry).describe('charts/podinfo:1.0.0', never))).code;
    registry.on(tag, { headers: { 'content-type': 'text/html' }, body: '<html>' });
    expect(await codeOf()).toBe('not-a-registry');
    registry.on(tag, { body: pushed.manifest.subarray(0, 50), framing: 'close' });
    expect(await codeOf()).toBe('upstream-failed');
    registry.on(tag, { body: Buffer.alloc(4 * 1024 * 1024 + 1) });
    expect(await codeOf()).toBe('too-large');
    registry.off(tag);
    registry.on(`/v2/charts/podinfo/blobs/${digestOf(pushed.config)}`, { status: 404 });
    expect(await codeOf()).toBe('upstream-failed');
  });
});

describe('the bytes of a chart in a registry', () => {
  it('come from where the registry redirects to, which gets no credentials', async () => {
    const storage = await faultUpstream();
    const user = { username: 'reader', password: 's3cret' };
    const registry = await fakeRegistry({ auth: 'bearer', ...user, anonymousTokens: false, storage });
    const chart = await podinfo();
    registry.push(repository, chart);
    const upstream = upstreamOf(registry, { credential: user, passCredentials: [registry.tokens.origin] });
    const incoming = await upstream.open('charts/podinfo:1.0.0', 'archive', never);
    expect(incoming).toMatchObject({
      size: chart.archive.length,
      digest: digestOf(chart.archive),
    });
    expect(incoming && (await readAll(incoming.body, 1e6))).toEqual(chart.archive);
    expect(storage.requests).toHaveLength(1);
    expect(storage.requests[0]?.headers.authorization).toBeUndefined();
  });

  it('need one manifest for describing and opening, until the tag may have moved', async () => {
    const registry = await fakeRegistry();
    const clock = new ManualClock();
    registry.push(repository, { ...(await podinfo()), provenance: Buffer.from('signed') });
    const upstream = upstreamOf(registry, { clock });
    const read = async (source: string, part: Part): Promise<number> => {
      const incoming = await upstream.open(source, part, never);
      return incoming ? (await readAll(incoming.body, 1e6)).length : 0;
    };
    const { claim } = (await upstream.describe('charts/podinfo:1.0.0', never)) ?? {};
    const pinned = claim?.source ?? '';
    for (const source of [pinned, 'charts/podinfo:1.0.0']) {
      expect(await read(source, 'archive')).toBeGreaterThan(100);
      expect(await read(source, 'provenance')).toBe(6);
    }
    expect(manifests(registry)).toBe(1);
    await clock.advance(60_000);
    await read(pinned, 'archive');
    expect(manifests(registry)).toBe(1);
    await read('charts/podinfo:1.0.0', 'archive');
    expect(manifests(registry)).toBe(2);
  });

  it('need no manifest once they were described, not even for a provenance that is not there, nor after a restart', async () => {
    const registry = await fakeRegistry();
    const chart = await podinfo();
    registry.push(repository, chart);
    const { claim } = (await upstreamOf(registry).describe('charts/podinfo:1.0.0', never)) ?? {};
    registry.push(repository, await podinfo('2.0.0'));
    registry.removeTag(repository, '1.0.0');
    const restarted = upstreamOf(registry);
    const incoming = await restarted.open(claim?.source ?? '', 'archive', never);
    expect(incoming && (await readAll(incoming.body, 1e6))).toEqual(chart.archive);
    expect(await restarted.open(claim?.source ?? '', 'provenance', never)).toBeUndefined();
    expect(manifests(registry)).toBe(1);
  });

  it('are found by a digest alone too, at the price of one manifest', async () => {
    const registry = await fakeRegistry();
    const chart = await podinfo();
    const pushed = registry.push(repository, { ...chart, provenance: Buffer.from('signed') });
    const upstream = upstreamOf(registry);
    for (const part of ['archive', 'provenance'] as const) {
      const incoming = await upstream.open(`charts/podinfo@${pushed.digest}`, part, never);
      expect(incoming && (await readAll(incoming.body, 1e6))).toEqual(
        part === 'archive' ? chart.archive : Buffer.from('signed'),
      );
    }
    expect(manifests(registry)).toBe(1);
  });

  it('that end too early are a fault, also without a length', async () => {
    const registry = await fakeRegistry();
    const chart = await podinfo();
    const pushed = registry.push(repository, chart);
    const upstream = upstreamOf(registry);
    registry.on(`/v2/charts/podinfo/blobs/${pushed.archive}`, {
      body: chart.archive.subarray(0, 100),
      framing: 'close',
    });
    const incoming = await upstream.open('charts/podinfo:1.0.0', 'archive', never);
    if (!incoming) throw new Error('nothing came');
    const fault = await faultOf(readAll(incoming.body, 1e6));
    expect([fault.code, fault.message]).toEqual([
      'upstream-failed',
      `fixture: charts/podinfo@${pushed.archive} was cut off after 100 of ${chart.archive.length} bytes.`,
    ]);
  });

  it('are undefined for a provenance that is not there, and a fault for a source that names nothing', async () => {
    const registry = await fakeRegistry();
    registry.push(repository, await podinfo());
    const upstream = upstreamOf(registry);
    expect(await upstream.open('charts/podinfo:1.0.0', 'provenance', never)).toBeUndefined();
    for (const source of [
      '',
      'charts/podinfo',
      '../x:1',
      'charts/podinfo:a/../b',
      'charts/podinfo@sha256:abc',
      'x:1?y',
      `charts/podinfo:1.0.0 archive=${digestOf(Buffer.from(''))},0`,
      `charts/podinfo@${digestOf(Buffer.from(''))} archive=?`,
    ]) {
      expect((await faultOf(upstream.open(source, 'archive', never))).code).toBe('invalid-reference');
    }
  });

  it('also come by an oci:// url of an index, over one client for each registry', async () => {
    const registry = await fakeRegistry({ auth: 'none' });
    const chart = await podinfo();
    const pushed = registry.push(repository, chart);
    const opened: string[] = [];
    const opener = ociOpener({
      upstream: 'fixture',
      plainHTTP: true,
      clock: systemClock,
      openClient: (origin) => {
        opened.push(origin.origin);
        return httpClientOf(origin.origin, { upstream: 'fixture', authorization: anonymous });
      },
    });
    const { host } = new URL(registry.origin);
    for (const url of [`oci://${host}/charts/podinfo:1.0.0`, `oci://${host}/charts/podinfo@${pushed.digest}`]) {
      const incoming = await opener.open(url, 'archive', never);
      expect(incoming && (await readAll(incoming.body, 1e6))).toEqual(chart.archive);
    }
    expect(opened).toEqual([registry.origin]);
    expect(await opener.open(`oci://${host}/charts/podinfo:9.9.9`, 'archive', never)).toBeUndefined();
    expect((await faultOf(opener.open(`oci://${host}/charts/podinfo`, 'archive', never))).code).toBe(
      'invalid-reference',
    );
    await opener.close();
    expect((await faultOf(opener.open('oci://u:p@x/y:1', 'archive', never))).code).toBe('invalid-reference');
  });
});
