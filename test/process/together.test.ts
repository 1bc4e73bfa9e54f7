import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';

import { eventually } from '../e2e/client.ts';
import { startChartroom, type Chartroom } from '../support/chartroom.ts';
import { run, type Finished } from '../support/process.ts';
import { temporaryFolder } from '../support/temp.ts';
import { startChartServer } from './chart-server.ts';

const main = join(import.meta.dirname, '../../src/main.ts');
const token = 'a-token-for-this-test';

async function configured(interval: string | number) {
  const folder = await temporaryFolder();
  const [first, second] = [await startChartServer(), await startChartServer()];
  const config = join(folder, 'chartroom.yaml');
  const text = stringify({
    server: { listen: '127.0.0.1:0', adminToken: token },
    defaults: { interval },
    upstreams: [
      { name: 'first', url: first.url },
      { name: 'second', url: second.url },
    ],
  });
  await writeFile(config, text);
  const start = async () => {
    const server = await startChartroom(config);
    onTestFinished(() => server.kill9());
    return server;
  };
  const sync = () => run(process.execPath, [main, 'sync', '--config', config]);
  return { first, second, start, sync };
}

async function post(server: Chartroom, upstream: string): Promise<number> {
  const authorization = `Bearer ${token}`;
  const url = `${server.url}/api/v1/upstreams/${upstream}/sync`;
  return (await fetch(url, { method: 'POST', headers: { authorization } })).status;
}

async function heldBy(server: Chartroom): Promise<readonly (readonly [number, number])[]> {
  const status = (await (await fetch(`${server.url}/api/v1/status`)).json()) as {
    upstreams: { counts: { versions: number; held: number } }[];
  };
  return status.upstreams.map(({ counts }) => [counts.versions, counts.held]);
}

async function indexOf(server: Chartroom): Promise<string> {
  return (await fetch(`${server.url}/index.yaml`)).text();
}

describe('several processes on one folder', () => {
  test('list and fetch at once: no version is lost, and all of them serve the same index', async () => {
    const { first, second, start, sync } = await configured('10m');
    for (let at = 0; at < 20; at += 1) {
      await first.publish('alpha', `1.${at}.0`);
      await second.publish('beta', `1.${at}.0`);
    }
    const [one, other, round] = await Promise.all([start(), start(), sync()]);
    expect(round.stdout).toMatch(/ 0 failed\.\n$/);
    for (const server of [one, other]) {
      await eventually(
        () => heldBy(server),
        (counts) => counts.every(([versions, held]) => versions === 20 && held === 20),
      );
    }
    // the index follows what the status says already
    await eventually(
      () => Promise.all([indexOf(one), indexOf(other)]),
      ([ours, theirs]) => ours === theirs && ours.startsWith('{'),
    );
    await Promise.all([one.stop(), other.stop()]);

    await Promise.all([first.offline(), second.offline()]);
    const third = await start();
    await third.logged(({ msg }) => msg === 'index rendered');
    expect(await heldBy(third)).toEqual([
      [20, 20],
      [20, 20],
    ]);
    for (const path of first.archives.keys()) {
      expect((await fetch(`${third.url}/charts/alpha${path}`)).status).toBe(200);
    }
  }, 30_000);

  test('a sync beside a running server is safe: each has what the other brought', async () => {
    const { first, second, start, sync } = await configured(0);
    await first.publish('alpha', '1.0.0');
    await second.publish('beta', '1.0.0');
    const server = await start();
    await server.logged(({ msg }) => msg === 'index rendered');
    await first.publish('alpha', '1.1.0');
    await second.publish('beta', '1.1.0');

    const rounds: readonly Promise<Finished | number>[] = [
      sync(),
      sync(),
      post(server, 'first'),
      post(server, 'second'),
    ];
    for (const outcome of await Promise.all(rounds)) {
      expect(typeof outcome === 'number' ? outcome : [outcome.code, outcome.stderr]).toEqual(
        typeof outcome === 'number' ? 200 : [0, ''],
      );
    }

    await Promise.all([post(server, 'first'), post(server, 'second')]);
    const entries = (JSON.parse(await indexOf(server)) as { entries: Record<string, { version: string }[]> }).entries;
    expect(entries['alpha']?.map(({ version }) => version)).toEqual(['1.1.0', '1.0.0']);
    expect(entries['beta']?.map(({ version }) => version)).toEqual(['1.1.0', '1.0.0']);
    expect(await server.stop()).toBe(0);
  }, 30_000);
});
