import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Catalog } from '../../../src/chart/catalog.ts';
import { digestOf } from '../../../src/chart/digest.ts';
import { readAll } from '../../../src/lib/bytes.ts';
import type { Part, Upstream } from '../../../src/upstream/contract.ts';
import { chartArchive } from '../../support/charts.ts';
import { startDistribution, type Distribution } from '../../support/distribution.ts';
import { faultOf, never } from '../../support/http.ts';
import { registryUpstream } from '../../support/registry-upstream.ts';
import { temporaryFolder } from '../../support/temp.ts';
import { needsTools } from '../../support/tools.ts';

const missing = needsTools('registry', 'helm4');
const versions = ['0.1.0', '0.2.0', '0.10.0', '1.0.0+build.5'];
const provenance = '-----BEGIN PGP SIGNED MESSAGE-----\nnot a real one\n';

const archiveOf = (version: string) => chartArchive({ name: 'podinfo', version, appVersion: version });

async function bytesOf(upstream: Upstream, source: string, part: Part): Promise<Buffer | undefined> {
  const incoming = await upstream.open(source, part, never);
  return incoming && (await readAll(incoming.body, 1e6));
}

async function expectBytes(upstream: Upstream, version: string, source: string): Promise<void> {
  const { claim } = (await upstream.describe(source, never)) ?? {};
  if (!claim) throw new Error(`${source} cannot be described`);
  const archive = await archiveOf(version);
  expect(claim).toMatchObject({ chart: 'podinfo', version, digest: digestOf(archive) });
  expect(claim.created).toMatch(/^\d{4}-/);
  expect(JSON.parse(claim.metadata ?? '')).toMatchObject({ appVersion: version });
  expect(await bytesOf(upstream, claim.source, 'archive')).toEqual(archive);
  const signed = version === '0.2.0' ? provenance : undefined;
  expect((await bytesOf(upstream, source, 'provenance'))?.toString()).toBe(signed);
}

describe.skipIf(missing)('a real registry with charts that a real Helm pushed', () => {
  let registry: Distribution;

  beforeAll(async () => {
    registry = await startDistribution({ htpasswd: true, maxTags: 2 });
  });
  afterAll(() => registry?.stop());

  async function push(): Promise<void> {
    const folder = await temporaryFolder();
    for (const version of versions) {
      const path = join(folder, `podinfo-${version}.tgz`);
      await writeFile(path, await archiveOf(version));
      if (version === '0.2.0') await writeFile(`${path}.prov`, provenance);
      await registry.push(path, 'charts');
    }
  }

  it('is listed over its pages, described, found and opened to the byte', async () => {
    await push();
    const upstream = registryUpstream(registry.url, 'charts', { charts: ['podinfo'], credential: registry.credential });
    const listing = await upstream.list(undefined, never);
    if ('unchanged' in listing) throw new Error('unchanged without a validator');
    const rows = [...new Catalog(listing.claims).versions('podinfo')];
    expect(rows.map((row) => row.version)).toEqual(['1.0.0+build.5', '0.10.0', '0.2.0', '0.1.0']);
    expect(await upstream.list(listing.validator, never)).toHaveProperty('unchanged');
    for (const { version, claims } of rows) await expectBytes(upstream, version, claims[0]?.source ?? '');
    const tag = 'charts/podinfo:1.0.0_build.5';
    const pinned = (await upstream.describe(tag, never))?.claim.source.split(' ')[0];
    expect(await upstream.find('podinfo', '1.0.0+build.5', never)).toMatchObject({ source: tag, pinned });
    expect(await upstream.find('podinfo', '9.9.9', never)).toBeUndefined();
  });

  it('refuses strangers, and says so', async () => {
    const upstream = registryUpstream(registry.url, 'charts', { charts: ['podinfo'] });
    const fault = await faultOf(upstream.list(undefined, never));
    expect([fault.code, fault.message]).toEqual([
      'unauthorized',
      'fixture: the registry asks for credentials for charts/podinfo, and none are configured for it (401).',
    ]);
  });

  it('says which chart it does not have', async () => {
    const upstream = registryUpstream(registry.url, 'charts', { charts: ['absent'], credential: registry.credential });
    expect(await upstream.list(undefined, never)).toMatchObject({ rejected: { 'no-such-chart': 1 } });
  });
});
