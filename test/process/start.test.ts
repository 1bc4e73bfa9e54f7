import { execFileSync } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';

import { describe, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';

import { digestOf } from '../../src/chart/digest.ts';
import { filesystemStore } from '../../src/store/filesystem.ts';
import { startChartroom } from '../support/chartroom.ts';
import { bytesAt } from '../support/engine.ts';
import { run } from '../support/process.ts';
import { temporaryFolder } from '../support/temp.ts';
import { startChartServer } from './chart-server.ts';

const main = join(import.meta.dirname, '../../src/main.ts');
const chartroom = (...args: readonly string[]) => run(process.execPath, [main, ...args]);

async function configFile(config: unknown): Promise<string> {
  const file = join(await temporaryFolder(), 'chartroom.yaml');
  await writeFile(file, typeof config === 'string' ? config : stringify(config));
  return file;
}

const small = { server: { listen: '127.0.0.1:0' }, upstreams: [{ name: 'here', url: './charts' }] };

describe('the command line', () => {
  test.each(['check', 'serve', 'sync'])('%s explains a bad configuration and ends with 2', async (command) => {
    const file = await configFile('upstreams:\n  - name: A b\n    urll: x\n');

    const { code, stdout, stderr } = await chartroom(command, '--config', file);

    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/chartroom\.yaml:3:5 .*did you mean "url"/);
  });

  test('check ends with 0 for a good one', async () => {
    const { code, stderr } = await chartroom('check', '--config', await configFile(small));
    expect([code, stderr]).toEqual([0, '']);
  });

  test.each([[['serve', '--bogus']], [['bogus']], [['sync', '--upstream']]])('ends with 2 for %j', async (args) => {
    expect((await chartroom(...args)).code).toBe(2);
  });

  test('ends with 2 for an upstream that is not configured', async () => {
    const { code, stderr } = await chartroom('sync', '--upstream', 'there', '--config', await configFile(small));
    expect(stderr).toBe('There is no upstream there. Configured are: here.\n');
    expect(code).toBe(2);
  });

  test('ends with 1 and one clear sentence when the port is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as AddressInfo;

    const file = await configFile({ ...small, server: { listen: `127.0.0.1:${port}` } });
    const { code, stderr } = await chartroom('serve', '--config', file);

    expect(stderr).toBe(
      `Cannot listen on 127.0.0.1:${port}: something else listens there. Stop it, or choose another address in server.listen.\n`,
    );
    expect(code).toBe(1);
  });
});

describe('a store that cannot be had', () => {
  async function withoutFolder(): Promise<string> {
    const file = await configFile({ ...small, store: { filesystem: { path: './file/data' } } });
    await writeFile(join(file, '../file'), 'in the way');
    return file;
  }

  test('leaves a server alive, not ready, and saying why', async () => {
    const server = await startChartroom(await withoutFolder());
    onTestFinished(() => server.kill9());
    await server.logged(({ msg }) => msg.startsWith('the store cannot be read yet'));

    const statuses = await Promise.all(
      ['/livez', '/readyz', '/index.yaml', '/charts/a/a-1.0.0.tgz'].map(async (path) => {
        const answer = await fetch(server.url + path);
        return [path, answer.status, answer.headers.has('retry-after'), await answer.text()];
      }),
    );

    expect(statuses).toEqual([
      ['/livez', 200, false, expect.any(String)],
      ['/readyz', 503, expect.any(Boolean), expect.stringContaining('store')],
      ['/index.yaml', 503, true, expect.any(String)],
      ['/charts/a/a-1.0.0.tgz', 503, true, expect.any(String)],
    ]);
    expect(await server.stop()).toBe(0);
  });

  test('ends a sync with 1 and one clear sentence', async () => {
    const { code, stderr } = await chartroom('sync', '--config', await withoutFolder());
    expect(stderr).toMatch(
      /^the store in .*file\/data could not .*: there is a file where a folder should be \(ENOTDIR\)/,
    );
    expect(code).toBe(1);
  });
});

/** A small file system of its own, for root only. */
async function smallDisk(kilobytes: number): Promise<string | undefined> {
  const folder = join(await temporaryFolder(), 'disk');
  await mkdir(folder);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'chartroom-test', folder], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  onTestFinished(() => void execFileSync('umount', [folder]));
  return folder;
}

describe('a disk that is full', () => {
  test('keeps no verified archive from being answered, and nothing half written stays on it', async ({ skip }) => {
    const disk = await smallDisk(400);
    if (!disk) return skip('npm test: skipping what needs to mount a tmpfs');
    const upstream = await startChartServer();
    for (let at = 0; at < 12; at += 1) await upstream.publish('demo', `1.${at}.0`, 100);
    const nexus = { name: 'nexus', url: upstream.url, mirror: 'requested' };
    const path = join(disk, 'data');
    const store = { filesystem: { path } };
    const server = await startChartroom(await configFile({ ...small, store, upstreams: [nexus] }));
    onTestFinished(() => server.kill9());
    await server.logged(({ msg }) => msg === 'index rendered');

    for (const [name, bytes] of upstream.archives) {
      const answer = await fetch(`${server.url}/charts/demo${name}`);
      expect([answer.status, Buffer.from(await answer.arrayBuffer()).equals(bytes)]).toEqual([200, true]);
    }

    await server.logged(({ msg }) => msg.startsWith('archive not kept'));
    expect(await server.stop()).toBe(0);
    const kept = filesystemStore({ path });
    let blobs = 0;
    for await (const { key } of kept.list('blobs/')) {
      blobs += 1;
      expect(digestOf(await bytesAt(kept, key)).slice(7)).toBe(key.slice(-64));
    }
    expect(blobs).toBeGreaterThan(0);
    expect(blobs).toBeLessThan(12);
    expect(await readdir(join(path, 'tmp'))).toEqual([]);
  });
});
