import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text as collect } from 'node:stream/consumers';

import { describe, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';

import { chartArchive, hexDigest } from '../support/charts.ts';
import { fakeRegistry } from '../support/fake-registry.ts';
import { faultUpstream, type Script } from '../support/fault-upstream.ts';
import { closedPort } from '../support/http.ts';
import { end, run } from '../support/process.ts';
import { realBucket } from '../support/real-bucket.ts';
import { temporaryFolder } from '../support/temp.ts';
import { needsTools } from '../support/tools.ts';

const main = join(import.meta.dirname, '../../src/main.ts');
const passwords = ['canary-basic', 'canary-registry'] as const;

type Upstream = Readonly<Record<string, unknown>>;

/** `check --connect` on a configuration whose store is a folder beside it. */
async function check(upstreams: readonly Upstream[], more: object = {}) {
  const folder = await temporaryFolder();
  const file = join(folder, 'config.yaml');
  await writeFile(file, stringify({ defaults: { retries: 1 }, upstreams, ...more }));
  const outcome = await run(process.execPath, [main, 'check', '--connect', '--config', file]);
  return { ...outcome, folder };
}

/** The table of places that were asked, as lists of cells. */
function cellsOf(stdout: string): readonly (readonly string[])[] {
  const [, table = ''] = stdout.split(/^NAME .*RESULT\n/m);
  const [rows = ''] = table.split('\n\n');
  return rows.split('\n').map((row) => row.split(/ {2,}/));
}

const demo = (): Promise<Buffer> => chartArchive({ name: 'demo', version: '1.0.0' });

/** A chart repository for one user. */
async function repository(): Promise<Upstream> {
  const archive = await demo();
  const row = { name: 'demo', version: '1.0.0', urls: ['demo-1.0.0.tgz'], digest: hexDigest(archive) };
  const index = { body: JSON.stringify({ apiVersion: 'v1', entries: { demo: [row] } }) };
  const expected = `Basic ${Buffer.from(`me:${passwords[0]}`).toString('base64')}`;
  const server = await faultUpstream({
    otherwise: ({ headers }): Script => (headers.authorization === expected ? index : { status: 401 }),
  });
  return { name: 'nexus', url: server.origin, auth: { username: 'me', password: passwords[0] } };
}

/** A registry with a token service, for one user. */
async function registry(): Promise<Upstream> {
  const user = { username: 'me', password: passwords[1] };
  const server = await fakeRegistry({ auth: 'bearer', anonymousTokens: false, ...user });
  const archive = await demo();
  for (const name of ['demo', 'podinfo']) server.push(`charts/${name}`, { name, version: '1.0.0', archive });
  const url = `oci://${new URL(server.origin).host}/charts`;
  const realm = { passCredentials: [server.tokens.origin] };
  return { name: 'harbor', url, plainHTTP: true, charts: ['demo', 'podinfo'], auth: user, ...realm };
}

async function folder(): Promise<Upstream> {
  const path = join(await temporaryFolder(), 'charts');
  await mkdir(path);
  await writeFile(join(path, 'demo-1.0.0.tgz'), await demo());
  return { name: 'local', url: `file://${path}` };
}

/** A bucket of a real server. */
async function bucket(): Promise<Upstream> {
  const { server, client } = await realBucket();
  await client.put('demo-1.0.0.tgz', await demo());
  const { endpoint, region, accessKeyId, secretAccessKey } = server;
  return {
    name: 'minio',
    url: 's3://charts',
    endpoint,
    auth: { provider: 'aws', region, accessKeyId, secretAccessKey },
  };
}

const broken = async (): Promise<Upstream> => ({ name: 'gone', url: `http://127.0.0.1:${await closedPort()}/helm` });

describe.skipIf(needsTools('versitygw'))('check --connect', () => {
  test('asks every kind of upstream and the store, and ends with 0 when all is well', async () => {
    const {
      code,
      stdout,
      stderr,
      folder: home,
    } = await check([await repository(), await registry(), await folder(), await bucket()]);

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const time = expect.stringMatching(/^\d+(?:\.\d)? m?s$/) as string;
    expect(cellsOf(stdout)).toEqual([
      ['nexus', 'chart-repository', expect.stringMatching(/^user name and password/), '1', time, 'ok'],
      ['harbor', 'registry', expect.stringMatching(/token/), '2', time, 'ok'],
      ['local', 'folder', 'none needed', '1', time, 'ok'],
      ['minio', 'bucket', expect.stringMatching(/^AWS/), '1', time, 'ok'],
      ['store', 'filesystem', '-', '-', time, 'ok'],
    ]);
    expect(stdout).toMatch(/\n\nAll is well: 5 places asked\.\n$/);
    expect(await readdir(join(home, 'data'))).not.toContain('catalogs');
  });

  test('ends with 1 for one that is broken, says what to do, and asks the others all the same', async () => {
    const gone = await broken();
    const wrong = { ...(await repository()), name: 'locked', auth: { username: 'me', password: 'canary-wrong' } };
    const { code, stdout, stderr } = await check([gone, wrong, await registry(), await folder(), await bucket()]);

    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(cellsOf(stdout).map((cells) => [cells[0], cells.at(-1)])).toEqual([
      ['gone', 'upstream-unreachable'],
      ['locked', 'unauthorized'],
      ['harbor', 'ok'],
      ['local', 'ok'],
      ['minio', 'ok'],
      ['store', 'ok'],
    ]);
    expect(stdout.split('\n\n').slice(-2)).toEqual([
      [
        `gone: no answer from ${new URL(String(gone['url'])).host} (connection refused). Check the address, the firewall and the proxy setting.`,
        'locked: the server refused these credentials for GET /index.yaml (401). Check auth; a token may have expired.',
      ].join('\n'),
      '2 of 6 places failed.\n',
    ]);
  });

  test('tells nobody a secret, and sends nothing to a terminal that there is not', async () => {
    const all = await Promise.all([repository(), registry(), bucket()]);
    const [nexus] = all;
    const locked = { ...nexus, name: 'locked', auth: { username: 'me', password: 'canary-wrong' } };
    const { stdout, stderr } = await check([...all, locked]);

    expect(stdout).toContain('unauthorized');
    expect(stdout + stderr).not.toMatch(/canary|chartroom-test-secret|token-\d|\u001b/);
    expect(stdout + stderr).not.toContain(Buffer.from(`me:${passwords[0]}`).toString('base64'));
  });
});

test('check --connect ends with 1 for a store that is not there', async () => {
  const s3 = {
    endpoint: `http://127.0.0.1:${await closedPort()}`,
    bucket: 'charts',
    accessKeyId: 'key',
    secretAccessKey: 'canary-store',
    pathStyle: true,
  };
  const { code, stdout, stderr } = await check([await folder()], { store: { s3 } });

  expect(code).toBe(1);
  expect(cellsOf(stdout).at(-1)?.[0]).toBe('store');
  expect(cellsOf(stdout).at(-1)?.at(-1)).toBe('store-failed');
  expect(stdout).toMatch(/\n\n1 of 2 places failed\.\n$/);
  expect(stdout + stderr).not.toContain('canary');
});

test('check --connect ends with 2 for a bad configuration, and asks nobody', async () => {
  const server = await faultUpstream();
  const { code, stdout } = await check([{ name: 'nexus', url: server.origin, intervall: '1m' }]);

  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(server.requests).toEqual([]);
});

test('check --connect is ended by a signal while somebody does not answer', async () => {
  const arrived = Promise.withResolvers<void>();
  const server = await faultUpstream();
  server.on('/index.yaml', (): Script => {
    arrived.resolve();
    return { hold: new Promise(() => undefined) };
  });
  const home = await temporaryFolder();
  const file = join(home, 'config.yaml');
  await writeFile(file, stringify({ upstreams: [{ name: 'slow', url: server.origin }] }));
  const child = spawn(process.execPath, [main, 'check', '--connect', '--config', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => end(child, 'SIGKILL'));
  const [gone, output, errors] = [once(child, 'close'), collect(child.stdout), collect(child.stderr)];
  await arrived.promise;
  child.kill('SIGINT');

  expect(await gone).toEqual([null, 'SIGINT']);
  expect(await output).toMatch(/\n\nStopping; not all of them answered yet\.\n$/);
  expect(await errors).toBe('');
});
