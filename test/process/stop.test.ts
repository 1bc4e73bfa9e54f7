import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';

import { describe, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';

import { filesystemStore } from '../../src/store/filesystem.ts';
import { startChartroom } from '../support/chartroom.ts';
import { hexDigest } from '../support/charts.ts';
import { temporaryFolder } from '../support/temp.ts';
import { startChartServer } from './chart-server.ts';

/** A server with one chart that nobody fetched, whose upstream waits before it answers. */
async function waiting() {
  const folder = await temporaryFolder();
  const upstream = await startChartServer();
  const archive = await upstream.publish('demo', '1.0.0');
  const gate = Promise.withResolvers<void>();
  upstream.hold = gate.promise;
  const config = join(folder, 'chartroom.yaml');
  const nexus = { name: 'nexus', url: upstream.url, mirror: 'requested' };
  await writeFile(config, stringify({ server: { listen: '127.0.0.1:0' }, upstreams: [nexus] }));
  const server = await startChartroom(config);
  onTestFinished(() => server.kill9());
  await server.logged(({ msg }) => msg === 'index rendered');
  const asked = upstream.asked('/demo-1.0.0.tgz');
  const answer = fetch(`${server.url}/charts/demo/demo-1.0.0.tgz`).then(async (response) => ({
    status: response.status,
    body: Buffer.from(await response.arrayBuffer()),
  }));
  answer.catch(() => undefined);
  await asked;
  return { folder, archive, gate, server, answer };
}

describe('a server that is asked to end', () => {
  test('lets a slow download finish, commits it, and ends with 0 (FLT-80)', async () => {
    const { folder, archive, gate, server, answer } = await waiting();

    const stopped = server.stop();
    await server.logged(({ msg }) => msg === 'stopping');
    gate.resolve();

    expect(await answer).toEqual({ status: 200, body: archive });
    expect(await stopped).toBe(0);
    const store = filesystemStore({ path: join(folder, 'data') });
    expect(await store.head(`blobs/sha256/${hexDigest(archive).slice(0, 2)}/${hexDigest(archive)}`)).toBeDefined();
    expect(await Array.fromAsync(store.list('snapshots/'))).toHaveLength(1);
  });

  test('fetches nothing more ahead, and finishes what it is fetching (FLT-80)', async () => {
    const folder = await temporaryFolder();
    const upstream = await startChartServer();
    const versions = Array.from({ length: 20 }, (_, at) => `1.0.${at}`);
    for (const version of versions) await upstream.publish('demo', version);
    const gate = Promise.withResolvers<void>();
    upstream.hold = gate.promise;
    // of two that begin at once either may be the first to get its turn
    const asked = Promise.race(versions.map((version) => upstream.asked(`/demo-${version}.tgz`)));
    const config = join(folder, 'chartroom.yaml');
    const nexus = { name: 'nexus', url: upstream.url, mirror: 'all', concurrency: 2 };
    const settings = { listen: '127.0.0.1:0', shutdownGrace: '6s' };
    await writeFile(config, stringify({ server: settings, upstreams: [nexus] }));
    const server = await startChartroom(config);
    onTestFinished(() => server.kill9());
    await asked;
    // half a request keeps the doors open for a while, in which much could be fetched
    const client = connect(Number(new URL(server.url).port), '127.0.0.1').on('error', () => undefined);
    onTestFinished(() => void client.destroy());
    await once(client, 'connect');
    client.write('GET /index.yaml HTTP/1.1\r\n');

    const stopped = server.stop();
    await server.logged(({ msg }) => msg === 'stopping');
    gate.resolve();

    expect(await stopped).toBe(0);
    const fetched = versions.filter((version) => upstream.count(`/demo-${version}.tgz`) > 0);
    expect(fetched.length).toBeLessThanOrEqual(2);
    const store = filesystemStore({ path: join(folder, 'data') });
    expect(await Array.fromAsync(store.list('holdings/'))).toHaveLength(fetched.length);
  });

  test('ends at its deadline, and says so, when the store hangs', async () => {
    const folder = await temporaryFolder();
    const upstream = await startChartServer();
    await upstream.publish('demo', '1.0.0');
    const holding = join(folder, 'data/holdings/nexus/demo/1.0.0');
    await mkdir(holding, { recursive: true });
    // whoever opens it waits for a writer that never comes
    execFileSync('mkfifo', [join(holding, 'first.json')]);
    const config = join(folder, 'chartroom.yaml');
    const nexus = { name: 'nexus', url: upstream.url, mirror: 'requested' };
    await writeFile(config, stringify({ server: { listen: '127.0.0.1:0', shutdownGrace: '1s' }, upstreams: [nexus] }));
    const server = await startChartroom(config);
    onTestFinished(() => server.kill9());
    await server.logged(({ msg }) => msg === 'index rendered');
    const answer = fetch(`${server.url}/charts/demo/demo-1.0.0.tgz`);
    answer.catch(() => undefined);
    const gone = once(server.process, 'exit');
    server.process.kill('SIGTERM');

    expect(await gone).toEqual([null, 'SIGTERM']);
    expect(server.log.at(-1)?.msg).toContain('not everything could be finished in time');
    await expect(answer).rejects.toThrow();
  });

  test('ends at once when it is asked a second time (FLT-81)', async () => {
    const { server, answer } = await waiting();
    const gone = once(server.process, 'exit');
    server.process.kill('SIGTERM');
    await server.logged(({ msg }) => msg === 'stopping');

    server.process.kill('SIGTERM');

    expect(await gone).toEqual([null, 'SIGTERM']);
    await expect(answer).rejects.toThrow();
  });

  test('ends with 0 when nothing is under way', async () => {
    const { gate, server, answer } = await waiting();
    gate.resolve();
    await answer;

    expect(await server.stop()).toBe(0);
    expect(server.log.at(-1)?.msg).toBe('stopped');
  });
});
