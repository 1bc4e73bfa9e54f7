import { once } from 'node:events';
import { copyFile, rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';

import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';

import { brokenRepositories } from '../config/broken-repositories.ts';
import type { BrokenFile } from '../config/broken.ts';
import { createAuthority } from '../support/certificates.ts';
import { temporaryFolder } from '../support/temp.ts';
import { startChartServer } from './chart-server.ts';
import { configurationOf, mount, startReloading } from './reloading.ts';

/** A server with a repository `one` of a chart in two versions. */
async function running(place: 'file' | 'mount' = 'file') {
  const folder = await temporaryFolder();
  const upstream = await startChartServer();
  for (const version of ['1.0.0', '2.0.0']) await upstream.publish('demo', version);
  const nexus = { name: 'nexus', url: upstream.url, mirror: 'all' };
  const text = (...repositories: readonly object[]) => configurationOf([nexus], ...repositories);
  const plain = { file: join(folder, 'chartroom.yaml'), swap: (next: string) => writeFile(plain.file, next) };
  const { file, swap } = place === 'mount' ? await mount(folder) : plain;
  await swap(text({ name: 'one', root: true }));
  const server = await startReloading(file);
  await server.answers('/one/index.yaml', 200);
  return { folder, file, swap, text, server, upstream, nexus };
}

describe('a server whose configuration changes', () => {
  test('loads it again on SIGHUP, says what changed, and what waits for the next start', async () => {
    const { file, server, text, upstream } = await running();
    const asked = upstream.count('/index.yaml');
    const more = { server: { listen: '127.0.0.1:1' }, log: { level: 'debug' } };
    const next = text({ name: 'one', root: true, deny: ['demo@2.0.0'] }, { name: 'two' });
    await writeFile(file, next.replace(/^server:\n.*\n/, stringify(more)));
    server.hup();
    await server.answers('/two/index.yaml', 200);

    expect((await server.get('/charts/demo/demo-2.0.0.tgz')).status).toBe(403);
    expect((await server.get('/two/charts/demo/demo-2.0.0.tgz')).status).toBe(200);
    const line = await server.logged(({ msg }) => msg === 'the configuration was loaded again');
    expect(line).toMatchObject({ repositories: { added: ['two'], changed: ['one'] }, needsRestart: ['server.listen'] });
    expect(line['upstreams']).toBeUndefined();
    expect(await server.configuration()).toMatchObject({ state: 'ok', needsRestart: ['server.listen'] });
    expect(upstream.count('/index.yaml')).toBe(asked);

    server.hup();
    await server.logged(({ msg }) => msg === 'the configuration was loaded again: nothing changed');
  });

  test('hears of it when what Kubernetes mounts is swapped, each time', async () => {
    const { swap, text, server } = await running('mount');
    for (const name of ['two', 'three', 'four']) {
      await swap(text({ name: 'one', root: true }, { name }));
      await server.answers(`/${name}/index.yaml`, 200);
    }
    expect((await server.get('/two/index.yaml')).status).toBe(404);
    expect((await server.configuration()).state).toBe('ok');
  });

  test('hears of it when an editor puts another file in its place, or takes it away for a moment', async () => {
    const { file, text, server } = await running();
    await writeFile(`${file}~`, text({ name: 'one', root: true }, { name: 'two' }));
    await rename(`${file}~`, file);
    await server.answers('/two/index.yaml', 200);

    await unlink(file);
    await writeFile(file, text({ name: 'one', root: true }, { name: 'three' }));
    await server.answers('/three/index.yaml', 200);
    expect(server.log.filter(({ level }) => level >= 50)).toEqual([]);
  });

  test('takes another admin token, and no longer the one before', async () => {
    const { file, text, server } = await running();
    const sync = async (token: string): Promise<number> => {
      const headers = { authorization: `Bearer ${token}` };
      return (await fetch(`${server.url}/api/v1/upstreams/nexus/sync`, { method: 'POST', headers })).status;
    };
    expect(await sync('first-token-of-this-test')).toBe(403);
    const secured = (token: string) =>
      text({ name: 'one', root: true }, { name: token.slice(0, 5) }).replace(
        /^server:\n/,
        `server:\n  adminToken: ${token}\n`,
      );
    await writeFile(file, secured('first-token-of-this-test'));
    await server.answers('/first/index.yaml', 200);
    expect(await sync('first-token-of-this-test')).toBe(200);
    await writeFile(file, secured('other-token-of-this-test'));
    await server.answers('/other/index.yaml', 200);
    expect([await sync('first-token-of-this-test'), await sync('other-token-of-this-test')]).toEqual([401, 200]);
  });

  test('shows another certificate when its files are others, and keeps it while they are bad', async () => {
    const folder = await temporaryFolder();
    const authority = await createAuthority(folder);
    const [first, second] = [await authority.sign('tls'), await authority.sign('next')];
    const file = join(folder, 'chartroom.yaml');
    const tls = { certFile: 'tls.crt', keyFile: 'tls.key' };
    const upstreams = [{ name: 'here', url: folder }];
    await writeFile(file, stringify({ server: { listen: '127.0.0.1:0', tls }, upstreams }));
    const server = await startReloading(file);
    const before = await fingerprintOf(server.url);

    await copyFile(second.certFile, first.certFile);
    await server.logged(({ msg }) => msg.startsWith('the certificate stays as it was: '));
    expect(await fingerprintOf(server.url)).toBe(before);
    await copyFile(second.keyFile, first.keyFile);
    await server.logged(({ msg }) => msg === 'another certificate is shown from now on');
    expect(await fingerprintOf(server.url)).not.toBe(before);
  });

  test('serves on without a change while it is bad, says where and what, and goes on with the next good one', async () => {
    const { file, text, server } = await running();
    await server.answers('/charts/demo/demo-2.0.0.tgz', 200);
    const doors = ['/index.yaml', '/one/index.yaml', '/charts/demo/demo-1.0.0.tgz', '/charts/demo/demo-2.0.0.tgz'];
    const served = async () => Promise.all(doors.map((path) => server.get(path)));
    const before = await served();
    const { loadedAt } = await server.configuration();
    expect(before.map(({ status }) => status)).toEqual([200, 200, 200, 200]);

    for (const broken of brokenRepositories) {
      await writeFile(file, broken.yaml);
      server.hup();
      let problems: readonly string[] = [];
      while (!problems.some((problem) => problem.includes(placeOf(broken)))) {
        problems = (await server.configuration()).problems ?? [];
      }
      expect([broken.name, await served()]).toEqual([broken.name, before]);
    }

    const refused = await server.configuration();
    expect(refused).toMatchObject({ state: 'refused', loadedAt });
    expect((await server.get('/metrics')).body).toContain('chartroom_config_last_reload_successful 0\n');
    for (const broken of brokenRepositories) {
      await server.logged(({ level, msg }) => level === 50 && msg.includes(placeOf(broken)));
    }

    await writeFile(file, text({ name: 'one', root: true }, { name: 'two' }));
    await server.answers('/two/index.yaml', 200);
    while ((await server.configuration()).state !== 'ok');
    expect((await server.configuration()).problems).toBeUndefined();
    const metrics = (await server.get('/metrics')).body;
    expect(metrics).toContain('chartroom_config_last_reload_successful 1\n');
    expect(metrics).toMatch(/chartroom_config_last_reload_success_timestamp_seconds \d{10}\n/);
  });
});

function placeOf({ line, column, option }: BrokenFile): string {
  return `chartroom.yaml:${line}:${column}${option && ` ${option}`}: `;
}

async function fingerprintOf(url: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port), rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}
