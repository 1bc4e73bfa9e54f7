import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import { S3Client } from '../../src/lib/s3-client.ts';
import { createCertificates } from '../support/certificates.ts';
import { chartArchive, hexDigest } from '../support/charts.ts';
import { startDistribution } from '../support/distribution.ts';
import { startGuardedRegistry } from '../support/guarded-registry.ts';
import { freshHelm } from '../support/helm.ts';
import { startNginx } from '../support/nginx.ts';
import { command, operate, writeConfig, type Operated } from '../support/operator.ts';
import { runOk } from '../support/process.ts';
import { needsTools, tool } from '../support/tools.ts';
import { startVersitygw } from '../support/versitygw.ts';
import { eventually } from './client.ts';

type Upstream = Readonly<Record<string, unknown>>;

/** An upstream with one chart in it, named as the upstream is, and what ends its server. */
interface Place {
  readonly upstream: Upstream & { readonly name: string };
  readonly stop: () => Promise<void>;
}

/** Version 1.0.0 of a chart as a file in a folder. */
async function pack(name: string, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${name}-1.0.0.tgz`);
  await writeFile(file, await chartArchive({ name, version: '1.0.0' }));
  return file;
}

/** A folder that is a chart repository. */
async function repositoryIn(name: string, folder: string): Promise<string> {
  const file = await pack(name, folder);
  const row = { name, version: '1.0.0', urls: [`${name}-1.0.0.tgz`], digest: hexDigest(await readFile(file)) };
  await writeFile(join(folder, 'index.yaml'), JSON.stringify({ apiVersion: 'v1', entries: { [name]: [row] } }));
  return folder;
}

async function withHtpasswd(home: string): Promise<Place> {
  const name = 'ferry';
  const registry = await startDistribution({ htpasswd: true });
  await registry.push(await pack(name, home), 'charts');
  const url = `oci://${new URL(registry.url).host}/charts`;
  const upstream = { name, url, plainHTTP: true, discover: true, auth: registry.credential };
  return { upstream, stop: () => registry.stop() };
}

async function withTokens(home: string): Promise<Place> {
  const name = 'tug';
  const registry = await startGuardedRegistry();
  const { username, password, tokens } = registry;
  await registry.push(await pack(name, home), 'charts');
  const url = `oci://${new URL(registry.url).host}/charts`;
  const passCredentials = [tokens.origin];
  const auth = { username, password };
  const upstream = { name, url, plainHTTP: true, charts: [name], passCredentials, auth };
  return { upstream, stop: () => registry.stop() };
}

async function withBasic(home: string): Promise<Place> {
  const name = 'harbour';
  const folder = await repositoryIn(name, join(home, name));
  const passwords = join(home, 'htpasswd');
  await writeFile(passwords, `keeper:${await runOk(tool('openssl'), ['passwd', '-apr1', 'of-the-keeper'])}`);
  const nginx = await startNginx(folder, 1, { directives: `auth_basic "charts"; auth_basic_user_file ${passwords};` });
  const auth = { username: 'keeper', password: 'of-the-keeper' };
  return { upstream: { name, url: nginx.url, auth }, stop: () => nginx.stop() };
}

async function withClientCertificate(home: string): Promise<Place> {
  const name = 'light';
  const folder = await repositoryIn(name, join(home, name));
  const tls = await createCertificates(home);
  const own = `ssl_certificate ${tls.certFile}; ssl_certificate_key ${tls.keyFile};`;
  const directives = `${own} ssl_client_certificate ${tls.caFile}; ssl_verify_client on;`;
  const nginx = await startNginx(folder, 1, { tls: true, directives });
  return { upstream: { name, url: nginx.url, tls: { ...tls } }, stop: () => nginx.stop() };
}

async function inBucket(home: string): Promise<Place> {
  const name = 'barge';
  const server = await startVersitygw(join(home, 'buckets'));
  const client = new S3Client(server.options('charts'));
  await client.ensureBucket();
  await client.put(`team/${name}-1.0.0.tgz`, await readFile(await pack(name, home)));
  client.close();
  const { endpoint, accessKeyId, secretAccessKey } = server;
  const auth = { provider: 'aws', accessKeyId, secretAccessKey };
  return { upstream: { name, url: 's3://charts/team', endpoint, auth }, stop: () => server.stop() };
}

async function inFolder(home: string): Promise<Place> {
  const name = 'buoy';
  await pack(name, join(home, name));
  return { upstream: { name, url: `file://${join(home, name)}` }, stop: async () => undefined };
}

const tools = needsTools('registry', 'versitygw', 'nginx', 'openssl', 'helm3', 'helm4');

describe.skipIf(tools)('every kind of upstream at once, each with what it asks for', () => {
  let home: string;
  let places: readonly Place[];
  let operated: Operated;
  const names = () => places.map(({ upstream }) => upstream.name);
  const settings = () => ({ upstreams: places.map(({ upstream }) => upstream) });

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'chartroom-upstreams-'));
    const makers = [withHtpasswd, withTokens, withBasic, withClientCertificate, inBucket, inFolder];
    places = await Promise.all(makers.map(async (make) => make(await mkdtemp(join(home, 'place-')))));
    operated = await operate(join(home, 'served'), settings());
    await eventually(
      () => Promise.all(names().map(async (name) => (await operated.upstream(name)).counts.held)),
      (held) => held.every((count) => count === 1),
    );
  });
  afterAll(async () => {
    await operated.server.stop();
    await Promise.all(places.map(({ stop }) => stop()));
    await rm(home, { recursive: true });
  });

  test('is found good by check --connect, which says how each was entered', async () => {
    const { code, stdout, stderr } = await operated.command('check', '--connect');

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [, table = ''] = stdout.split(/^NAME .*RESULT\n/m);
    const rows = table.split('\n').map((row) => row.split(/ {2,}/));
    expect(rows.slice(0, 6).map(([name, type, how, charts, , result]) => [name, type, how, charts, result])).toEqual([
      ['ferry', 'registry', 'user name and password (Basic)', '1', 'ok'],
      ['tug', 'registry', expect.stringMatching(/^user name and password, token of 127\.0\.0\.1:\d+$/), '1', 'ok'],
      ['harbour', 'chart-repository', 'user name and password (Basic)', '1', 'ok'],
      ['light', 'chart-repository', expect.any(String), '1', 'ok'],
      ['barge', 'bucket', 'AWS keys', '1', 'ok'],
      ['buoy', 'folder', 'none needed', '1', 'ok'],
    ]);
  });

  test('fills a store ahead by sync', async () => {
    const file = await writeConfig(join(home, 'ahead'), settings());
    const { code, stdout, stderr } = await command(file, ['sync']);

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n').toSorted()).toEqual(
      [...names().map((name) => `${name}: 1 chart, 1 version, 1 added.`), '6 archives fetched, 0 failed.'].toSorted(),
    );
  });

  test.each([3, 4] as const)('is one chart repository for Helm %i, with the bytes of each', async (major) => {
    const helm = await freshHelm(major);
    onTestFinished(() => helm.remove());
    await helm.ok('repo', 'add', 'charts', operated.server.url);
    const found = JSON.parse(await helm.ok('search', 'repo', 'charts/', '-o', 'json')) as { name: string }[];

    expect(found.map(({ name }) => name)).toEqual(
      names()
        .map((name) => `charts/${name}`)
        .toSorted(),
    );
    for (const name of names()) {
      await helm.ok('pull', `charts/${name}`);
      const pulled = await readFile(join(helm.folder, `${name}-1.0.0.tgz`));
      expect(pulled.equals(await chartArchive({ name, version: '1.0.0' }))).toBe(true);
    }
  });
});
