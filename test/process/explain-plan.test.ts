import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';

import type { Explanation } from '../../src/mirror/contract/explain.ts';
import type { Plan } from '../../src/mirror/contract/plan.ts';
import { startChartroom } from '../support/chartroom.ts';
import { startFaultS3 } from '../support/fault-s3.ts';
import { command } from '../support/operator.ts';
import { run } from '../support/process.ts';
import { temporaryFolder } from '../support/temp.ts';
import { needsTools } from '../support/tools.ts';
import { startVersitygw } from '../support/versitygw.ts';
import { startChartServer } from './chart-server.ts';

/** A server of two repositories on a store, and what commands are given in place of its file. */
async function serving(store?: object, storeOfCommands = store) {
  const folder = await temporaryFolder();
  const upstream = await startChartServer();
  for (const version of ['1.0.0', '1.1.0', '2.0.0']) await upstream.publish('nginx', version);
  const config = (repositories: readonly object[], place: object | undefined) =>
    stringify({
      server: { listen: '127.0.0.1:0' },
      ...(place && { store: place }),
      upstreams: [{ name: 'bitnami', url: upstream.url }],
      repositories,
    });
  const write = async (name: string, text: string): Promise<string> => {
    const file = join(folder, name);
    await writeFile(file, text);
    return file;
  };
  const stable = { name: 'stable', root: true, deny: ['nginx@<1.1'] };
  const served = await write('served.yaml', config([stable, { name: 'edge' }], store));
  const server = await startChartroom(served);
  onTestFinished(() => server.kill9());
  await server.logged(({ msg }) => msg === 'index rendered');
  for (const path of upstream.archives.keys()) await fetch(`${server.url}/edge/charts/nginx${path}`);
  const file = (name: string, repositories: readonly object[]) => write(name, config(repositories, storeOfCommands));
  return { folder, upstream, server, stable, same: await file('same.yaml', [stable, { name: 'edge' }]), file };
}

/** Every file of a folder with its bytes and when it was written; without the lease, which a server renews. */
async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name !== 'lease.json');
  const described = files.map(async ({ parentPath, name }) => {
    const file = join(parentPath, name);
    const { mtimeMs, ino } = await stat(file);
    return `${file} ${ino} ${mtimeMs} ${(await readFile(file)).toString('base64')}`;
  });
  return (await Promise.all(described)).sort();
}

describe('on the folder of a server', () => {
  test('explain says why, of a version and of a chart, and neither it nor plan writes a byte', async () => {
    const { same, upstream, folder, server } = await serving();
    await upstream.offline();
    await server.stop();
    const before = await filesIn(join(folder, 'data'));

    const denied = await command(same, ['explain', 'nginx', '1.0.0', '--repository', 'stable']);
    expect([denied.code, denied.stderr]).toEqual([1, '']);
    expect(denied.stdout).toMatch(/^nginx 1\.0\.0 is not offered\.\n\nstable: denied\n/);
    expect(denied.stdout).toContain('The entry nginx@<1.1 of deny refuses it.');

    const both = await command(same, ['explain', 'nginx', '1.0.0']);
    expect(both.code).toBe(0);
    expect(both.stdout).toMatch(/^nginx 1\.0\.0 is offered in edge, and not in stable\.\n/);
    expect(both.stdout).toContain('200: The archive, from the store.');

    const chart = await command(same, ['explain', 'nginx', '--output', 'json']);
    const { repositories } = JSON.parse(chart.stdout) as Explanation;
    expect(repositories.map(({ versions }) => versions?.offered)).toEqual([2, 3]);

    expect((await command(same, ['explain', 'ngnix'])).stdout).toMatch(/\nNear to it: nginx\.\n$/);
    expect((await command(same, ['plan'])).stdout).toBe('Nothing would change.\n');
    expect(await filesIn(join(folder, 'data'))).toEqual(before);
  });

  test('explain says which usage is wrong', async () => {
    const { same } = await serving();

    for (const words of [
      ['explain'],
      ['explain', '../x'],
      ['explain', 'nginx', 'latest'],
      ['explain', 'a', '1.0.0', 'b'],
    ]) {
      expect((await command(same, words)).code).toBe(2);
    }
    expect(await command(same, ['explain', 'nginx', '--repository', 'stabel'])).toMatchObject({
      code: 2,
      stderr: 'There is no repository stabel here. Is stable meant? There are stable, edge.\n',
    });
  });

  test('plan says what another file would change, and leaves the server as it is', async () => {
    const { same, server, stable, file } = await serving();
    const index = await (await fetch(`${server.url}/index.yaml`)).text();

    expect(await command(same, ['plan'])).toEqual({ code: 0, stdout: 'Nothing would change.\n', stderr: '' });
    const more = await file('more.yaml', [stable, { name: 'edge' }, { name: 'third' }]);
    expect(await command(more, ['plan'])).toMatchObject({ code: 0, stderr: '' });
    const less = await file('less.yaml', [{ ...stable, deny: ['nginx@<2'] }, { name: 'edge' }]);
    const lossy = await command(less, ['plan']);
    expect([lossy.code, lossy.stderr]).toEqual([3, '']);
    expect(lossy.stdout).toBe(
      [
        '~ repository stable: 1 version of 1 chart disappears',
        '    - nginx 1.1.0',
        '',
        '1 version would disappear.',
        '',
      ].join('\n'),
    );
    const json = await command(less, ['plan', '--output', 'json']);
    expect(json.code).toBe(3);
    expect((JSON.parse(json.stdout) as Plan).repositories[0]?.disappear).toEqual([
      { chart: 'nginx', versions: ['1.1.0'] },
    ]);
    const bad = await file('bad.yaml', [{ ...stable, upstreams: ['nobody'] }]);
    expect((await command(bad, ['plan'])).code).toBe(2);

    expect(await (await fetch(`${server.url}/index.yaml`)).text()).toBe(index);
  });
});

test('of a folder that no server ever had, plan and explain make nothing', async () => {
  const folder = await temporaryFolder();
  const file = join(folder, 'chartroom.yaml');
  await writeFile(file, stringify({ upstreams: [{ name: 'bitnami', url: 'http://127.0.0.1:9' }] }));

  expect((await command(file, ['plan'])).stdout).toMatch(
    /^This store was never served from: everything is new\.\n\+ upstream bitnami: what it lists is known after/,
  );
  expect(await command(file, ['explain', 'nginx'])).toMatchObject({ code: 1, stderr: '' });
  expect(await readdir(folder)).toEqual(['chartroom.yaml']);
});

test('of a store whose path is a file, or below one, plan and explain say that, and not that it is empty', async () => {
  const folder = await temporaryFolder();
  const file = join(folder, 'chartroom.yaml');
  const path = (name: string) => ({ store: { filesystem: { path: join(folder, name) } } });
  for (const name of ['chartroom.yaml', 'chartroom.yaml/data']) {
    await writeFile(file, stringify({ ...path(name), upstreams: [{ name: 'bitnami', url: 'http://127.0.0.1:9' }] }));
    for (const words of [['plan'], ['explain', 'nginx']]) {
      const { code, stdout, stderr } = await command(file, words);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toContain('there is a file where a folder should be (ENOTDIR). Check the path of the store');
    }
  }
});

test('what nobody reads to its end ends without a word', async () => {
  const { same } = await serving();
  const main = join(import.meta.dirname, '../../src/main.ts');
  for (const words of ['check', 'plan', 'explain nginx', 'fsck']) {
    const line = `set -o pipefail; '${process.execPath}' '${main}' ${words} --config '${same}' | true`;
    expect([words, await run('bash', ['-c', line])]).toEqual([words, { code: 141, stdout: '', stderr: '' }]);
  }
});

test.skipIf(needsTools('versitygw'))('beside a server on the same bucket neither writes a byte', async () => {
  const s3 = await startVersitygw(join(await temporaryFolder(), 's3'));
  onTestFinished(() => s3.stop());
  const watched = await startFaultS3(s3.port);
  onTestFinished(() => watched.close());
  const { region, accessKeyId, secretAccessKey } = s3;
  const bucket = (port: number) => ({
    s3: {
      endpoint: `http://127.0.0.1:${port}`,
      region,
      accessKeyId,
      secretAccessKey,
      bucket: 'charts',
      pathStyle: true,
      createBucket: true,
    },
  });
  const { same, stable, file } = await serving(bucket(s3.port), bucket(watched.port));

  expect(await command(same, ['plan'])).toEqual({ code: 0, stdout: 'Nothing would change.\n', stderr: '' });
  const less = await file('less.yaml', [{ ...stable, deny: ['nginx@<2'] }, { name: 'edge' }]);
  expect((await command(less, ['plan'])).code).toBe(3);
  expect(await command(same, ['explain', 'nginx', '2.0.0'])).toMatchObject({ code: 0, stderr: '' });

  expect(watched.requests.length).toBeGreaterThan(0);
  expect(watched.requests.filter((request) => !/^(?:GET|HEAD) /.test(request))).toEqual([]);
});
