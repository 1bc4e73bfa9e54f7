import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as collect } from 'node:stream/consumers';

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';

import { systemClock } from '../../src/lib/clock.ts';
import { filesystemStore } from '../../src/store/filesystem.ts';
import { startChartServer } from '../process/chart-server.ts';
import { startChartroom } from '../support/chartroom.ts';
import { chartArchive, hexDigest } from '../support/charts.ts';
import { end, run } from '../support/process.ts';
import { startStaticUpstream, type StaticUpstream } from '../support/static-upstream.ts';
import { temporaryFolder } from '../support/temp.ts';
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

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'ends a sync by %s with what came until then in the store',
    async (signal) => {
      const here = await temporaryFolder();
      const slow = await startChartServer();
      for (const version of ['1.0.0', '1.1.0']) await slow.publish('demo', version);
      const file = join(here, 'config.yaml');
      await writeFile(file, stringify({ upstreams: [{ name: 'slow', url: slow.url, concurrency: 1 }] }));
      const [first, second] = [slow.asked('/demo-1.1.0.tgz.prov'), slow.asked('/demo-1.0.0.tgz')];
      const child = spawn(process.execPath, [main, 'sync', '--config', file], { stdio: ['ignore', 'pipe', 'pipe'] });
      onTestFinished(() => end(child, 'SIGKILL'));
      const [gone, output] = [once(child, 'close'), collect(child.stdout)];
      const errors = collect(child.stderr);
      await first;
      slow.hold = new Promise(() => undefined);
      await second;
      child.kill(signal);

      expect(await gone).toEqual([null, signal]);
      expect(await output).toMatch(
        /^slow: 1 chart, 2 versions, 2 added\.\nStopping; so far 1 archive fetched, \d+ queued, 0 failed\.\n$/,
      );
      expect(await errors).toBe('');
      const store = filesystemStore({ path: join(here, 'data'), clock: systemClock });
      const held = (await Array.fromAsync(store.list('holdings/'))).map(({ key }) => key);
      expect(held).toEqual(['holdings/slow/demo/1.1.0/first.json']);
      expect(await Array.fromAsync(store.list('snapshots/'))).not.toEqual([]);
    },
  );

  test('shows progress to nobody when there is no terminal', async () => {
    const { stdout, stderr } = await chartroom('sync', '--config', config);

    expect(stdout + stderr).not.toContain('\u001b');
    expect(stdout + stderr).not.toContain('queued');
  });

  test('reads a store through with fsck, and finds a good one good', async () => {
    const good = join(folder, 'good.yaml');
    const upstreams = [{ name: 'harbour', url: upstream.url }];
    await writeFile(good, stringify({ store: { filesystem: { path: './good' } }, upstreams }));

    const empty = await chartroom('fsck', '--config', good);
    expect(empty).toMatchObject({ code: 1, stderr: '' });
    expect(empty.stdout).toContain('There is nothing in this store');

    await chartroom('sync', '--config', good);
    expect(await chartroom('fsck', '--config', good)).toMatchObject({ code: 0, stderr: '' });
    expect(await chartroom('fsck', '--repair', '--config', good)).toMatchObject({ code: 0, stderr: '' });
    expect(await chartroom('fsck', '--mend', '--config', good)).toMatchObject({ code: 2 });
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
