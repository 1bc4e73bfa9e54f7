import { readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';

import { eventually } from '../e2e/client.ts';
import { startChartroom, type Chartroom } from '../support/chartroom.ts';
import { run } from '../support/process.ts';
import { temporaryFolder } from '../support/temp.ts';
import { startChartServer } from './chart-server.ts';

const main = join(import.meta.dirname, '../../src/main.ts');

/** A configuration file of two upstreams that may be written anew, and what is done with it. */
async function openWorld() {
  const folder = await temporaryFolder();
  const [stays, goes] = [await startChartServer(), await startChartServer()];
  await stays.publish('alpha', '1.0.0');
  for (const version of ['1.0.0', '1.1.0']) await goes.publish('beta', version);
  const config = join(folder, 'chartroom.yaml');
  const both = [
    { name: 'stays', url: stays.url },
    { name: 'goes', url: goes.url },
  ];
  const configure = (upstreams: readonly object[]) =>
    writeFile(config, stringify({ server: { listen: '127.0.0.1:0' }, upstreams }));
  await configure(both);
  const start = async (): Promise<Chartroom> => {
    const server = await startChartroom(config);
    onTestFinished(() => server.kill9());
    await server.logged(({ msg }) => msg === 'index rendered');
    return server;
  };
  const fsck = (...args: readonly string[]) => run(process.execPath, [main, 'fsck', '--config', config, ...args]);
  return { store: join(folder, 'data'), stays, goes, both, configure, start, fsck };
}

const indexOf = async ({ url }: Chartroom): Promise<string> => (await fetch(`${url}/index.yaml`)).text();

async function heldBy({ url }: Chartroom): Promise<number> {
  const { upstreams } = (await (await fetch(`${url}/api/v1/status`)).json()) as {
    upstreams: readonly { counts: { held: number } }[];
  };
  return upstreams.reduce((sum, { counts }) => sum + counts.held, 0);
}

const filesIn = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));

test('an upstream that is removed from the file is there again after restarts, until it is pruned', async () => {
  const { store, stays, goes, both, configure, start, fsck } = await openWorld();
  const first = await start();
  await eventually(
    () => heldBy(first),
    (held) => held === 3,
  );
  const index = await indexOf(first);
  expect(await first.stop()).toBe(0);

  await configure(both.slice(0, 1));
  const without = await start();
  expect(await indexOf(without)).not.toContain('beta');
  expect((await fetch(`${without.url}/charts/beta/beta-1.0.0.tgz`)).ok).toBe(false);
  expect(await without.stop()).toBe(0);
  const seen = await fsck();
  expect(seen).toMatchObject({ code: 0, stderr: '' });
  expect(seen.stdout).toMatch(
    /^The configuration does not name the upstream goes \(2 versions known, 2 archives held, /,
  );

  await configure(both);
  await goes.offline();
  const again = await start();
  expect(await indexOf(again)).toBe(index);
  const archive = await fetch(`${again.url}/charts/beta/beta-1.0.0.tgz`);
  expect(Buffer.from(await archive.arrayBuffer())).toEqual(goes.archives.get('/beta-1.0.0.tgz'));

  await configure(both.slice(0, 1));
  for (const kind of ['blobs', 'catalogs', 'snapshots']) {
    const old = new Date('2026-01-01T00:00:00Z');
    for (const file of await filesIn(join(store, kind))) await utimes(file, old, old);
  }
  again.process.kill('SIGHUP');
  await eventually(
    () => indexOf(again),
    (now) => !now.includes('beta'),
  );
  const pruned = await fsck('--prune');
  expect(pruned).toMatchObject({ code: 0, stderr: '' });
  expect(pruned.stdout).toMatch(/^ {2}goes +1 +2 +2 +0 +.* KiB$/m);
  expect((await filesIn(join(store, 'blobs'))).length).toBe(stays.archives.size);
  expect((await filesIn(store)).filter((file) => file.includes('goes'))).toEqual([]);
  expect((await fetch(`${again.url}/charts/alpha/alpha-1.0.0.tgz`)).status).toBe(200);
  expect(await again.stop()).toBe(0);
  const after = await fsck();
  expect(after).toMatchObject({ code: 0, stderr: '' });
  expect(after.stdout).toMatch(/^\d+ records and 1 blob .*; nothing is wrong\.\n$/);
}, 60_000);

test('what a running server works for is not pruned by another file that does not name it', async () => {
  const { both, start, store } = await openWorld();
  const server = await start();
  await eventually(
    () => heldBy(server),
    (held) => held === 3,
  );
  const before = await filesIn(join(store, 'holdings'));
  const other = join(await temporaryFolder(), 'other.yaml');
  await writeFile(other, stringify({ store: { filesystem: { path: store } }, upstreams: both.slice(0, 1) }));

  const { code, stderr } = await run(process.execPath, [main, 'fsck', '--prune', '--config', other]);

  expect([code, stderr]).toEqual([
    1,
    'Nothing was pruned: a server is running that works for goes. Take that out of the configuration of every server first.\n',
  ]);
  expect(await filesIn(join(store, 'holdings'))).toEqual(before);
}, 60_000);
