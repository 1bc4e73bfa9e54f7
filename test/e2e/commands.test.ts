import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';

import { startChartroom } from '../support/chartroom.ts';
import { chartArchive, hexDigest } from '../support/charts.ts';
import { run } from '../support/process.ts';
import { startStaticUpstream, type StaticUpstream } from '../support/static-upstream.ts';
import { clientOf } from './client.ts';

const main = join(import.meta.dirname, '../../src/main.ts');
const chartroom = (...args: readonly string[]) => run(process.execPath, [main, ...args]);

describe('the command line', () => {
  let folder: string;
  let config: string;
  let archive: Buffer;
  let upstream: StaticUpstream;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chartroom-commands-'));
    archive = await chartArchive({ name: 'dinghy', version: '1.0.0' });
    const row = {
      apiVersion: 'v2',
      name: 'dinghy',
      version: '1.0.0',
      digest: hexDigest(archive),
      urls: ['dinghy-1.0.0.tgz'],
    };
    await writeFile(join(folder, 'dinghy-1.0.0.tgz'), archive);
    await writeFile(join(folder, 'index.yaml'), stringify({ apiVersion: 'v1', entries: { dinghy: [row] } }));
    upstream = await startStaticUpstream({ folder });
    config = join(folder, 'config.yaml');
    const upstreams = [{ name: 'harbour', url: upstream.url }];
    await writeFile(config, stringify({ server: { listen: '127.0.0.1:0' }, upstreams }));
  });
  afterAll(async () => {
    await upstream.stop();
    await rm(folder, { recursive: true });
  });

  test('fills a store ahead with sync, for a server that never meets the upstream', async () => {
    expect(await chartroom('sync', '--config', config)).toMatchObject({ code: 0, stderr: '' });
    expect(upstream.count('/dinghy-1.0.0.tgz')).toBe(1);

    await upstream.offline();
    const server = await startChartroom(config);
    onTestFinished(async () => void (await server.stop()));
    const client = await clientOf(server);
    onTestFinished(() => client.close());
    await server.logged((line) => line['upstream'] === 'harbour');

    expect((await client.get('/charts/dinghy/dinghy-1.0.0.tgz')).equals(archive)).toBe(true);
  });

  test('ends a sync that met trouble with status 1 and a sentence that names the upstream', async () => {
    const { code, stdout, stderr } = await chartroom('sync', '--config', config);

    expect(code).toBe(1);
    expect(stdout + stderr).toContain('harbour');
    expect(stdout + stderr).toContain('refused');
  });

  test('says every problem of a configuration at once, with where it is, and ends with status 2', async () => {
    const broken = join(folder, 'broken.yaml');
    await writeFile(broken, 'server:\n  listn: 127.0.0.1:0\nupstreams:\n  - name: UP\n    url: ftp://nowhere\n');
    const { code, stderr } = await chartroom('check', '--config', broken);

    expect(code).toBe(2);
    expect(stderr).toContain('broken.yaml:2:');
    expect(stderr).toContain('listen');
    expect(stderr).toContain('broken.yaml:4:');
    expect(stderr).toContain('broken.yaml:5:');
    expect(await chartroom('serve', '--config', broken)).toMatchObject({ code: 2 });
  });

  test('finds a good configuration good', async () => {
    expect(await chartroom('check', '--config', config)).toMatchObject({ code: 0, stderr: '' });
  });

  test('knows its version, and ends an unknown command with status 2', async () => {
    const { version } = JSON.parse(await readFile(join(import.meta.dirname, '../../package.json'), 'utf8')) as {
      version: string;
    };

    expect(await chartroom('--version')).toMatchObject({ code: 0, stdout: `${version}\n` });
    expect(await chartroom('sail')).toMatchObject({ code: 2 });
  });
});
