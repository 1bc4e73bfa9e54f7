import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import type { LoadedSdks } from '../../../support/cloud/loaded.ts';
import { faultUpstream } from '../../../support/fault-upstream.ts';
import { run } from '../../../support/process.ts';
import { temporaryFolder } from '../../../support/temp.ts';

/** The packages of clouds that one round of syncs loads. */
async function loadedBy(upstreams: readonly string[]): Promise<LoadedSdks> {
  const folder = await temporaryFolder();
  const [config, list] = [join(folder, 'chartroom.yaml'), join(folder, 'loaded.json')];
  await writeFile(
    config,
    `store: { filesystem: { path: ./data } }\nupstreams:\n${upstreams.map((one) => `  - ${one}\n`).join('')}`,
  );
  const support = join(import.meta.dirname, '../../../support');
  const hooks = ['--import', join(support, 'loopback-only.ts'), '--import', join(support, 'cloud/loaded.ts')];
  const main = join(import.meta.dirname, '../../../../src/main.ts');
  const env = {
    HOME: folder,
    CLOUD_SDKS_LOADED: list,
    AWS_EC2_METADATA_DISABLED: 'true',
    METADATA_SERVER_DETECTION: 'none',
  };
  // what it cannot sync is no matter here
  await run(process.execPath, [...hooks, main, 'sync', '--config', config], { env, cwd: folder });
  return JSON.parse(await readFile(list, 'utf8')) as LoadedSdks;
}

describe('the SDKs of clouds', { timeout: 60_000 }, () => {
  it('are not loaded for upstreams that are not configured with a provider', async () => {
    const server = await faultUpstream();
    server.on('/index.yaml', { body: 'apiVersion: v1\nentries: {}\n' });
    const auth = 'auth: { username: u, password: p }';
    const plain = [
      `{ name: http, url: "${server.origin}", ${auth} }`,
      `{ name: oci, url: "oci://${new URL(server.origin).host}/charts", plainHTTP: true, charts: [a], ${auth} }`,
      `{ name: hub, url: "oci://123456789012.dkr.ecr.eu-central-1.amazonaws.com", charts: [a], ${auth} }`,
    ];
    expect(await loadedBy(plain)).toEqual([]);
    expect(server.count('/index.yaml')).toBeGreaterThan(0);
  });

  it.each([
    ['aws', 'oci://123456789012.dkr.ecr.eu-central-1.amazonaws.com', ['@aws-sdk', '@smithy']],
    ['gcp', 'oci://europe-docker.pkg.dev/p/r', ['gaxios', 'google-auth-library']],
  ])(
    'are loaded for those that are, and no other: %s',
    async (provider, url, packages) => {
      const upstream = `{ name: cloud, url: "${url}", charts: [a], retries: 1, auth: { provider: ${provider} } }`;
      expect(await loadedBy([upstream])).toEqual(packages);
    },
    30_000,
  );
});
