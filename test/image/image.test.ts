import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';

import { freshBuildah, type Buildah, type BuiltImage } from '../support/buildah.ts';
import { startServer } from '../support/chartroom.ts';
import { chartArchive } from '../support/charts.ts';
import { freshHelm } from '../support/helm.ts';
import { run } from '../support/process.ts';
import { importStandInBases, npmCache } from '../support/stand-in-bases.ts';
import { needsTools } from '../support/tools.ts';

const project = join(import.meta.dirname, '../..');
const baseImages = { base: 'gcr.io/distroless/cc-debian12', build: 'docker.io/library/node:24-bookworm-slim' };
const maxCompressedBytes = 60_000_000;

/** chroot and mount are for root alone. */
function needsRoot(): boolean {
  if (process.getuid?.() === 0) return false;
  console.warn('npm test: skipping the image: building and running it needs root');
  return true;
}

describe.skipIf(needsTools('buildah', 'helm4') || needsRoot())('the image', () => {
  let buildah: Buildah;
  const images: BuiltImage[] = [];

  beforeAll(async () => {
    buildah = await freshBuildah();
    await importStandInBases(buildah, baseImages);
    const cache = `${await npmCache()}:/npm-cache`;
    for (const name of ['first', 'second']) {
      await buildah.build(project, name, ['--volume', cache]);
      images.push(await buildah.inspect(name));
    }
  }, 300_000);
  afterAll(() => buildah.remove());

  test('is the same to the byte when it is built again', () => {
    expect(images[0]?.digest).toMatch(/^sha256:/);
    expect(images[1]?.digest).toBe(images[0]?.digest);
  });

  test('is no larger than 60 MB compressed', () => {
    expect(images[0]?.compressedBytes).toBeLessThan(maxCompressedBytes);
  });

  test('runs as a user without a name or rights, and says what it is', async () => {
    const { version } = JSON.parse(await readFile(join(project, 'package.json'), 'utf8')) as { version: string };
    const config = images[0]?.config;

    expect(config?.User).toBe('65532:65532');
    expect(config?.StopSignal).toBe('SIGTERM');
    expect(config?.Env).toEqual(expect.arrayContaining(['CHARTROOM_LISTEN=0.0.0.0:8080', 'CHARTROOM_DATA=/data']));
    expect(config?.Labels).toMatchObject({
      'org.opencontainers.image.title': 'Chartroom',
      'org.opencontainers.image.licenses': 'Apache-2.0',
      'org.opencontainers.image.version': version,
    });
  });

  test('serves charts to Helm from a tree that nobody can write to', async () => {
    const archive = await chartArchive({ name: 'dinghy', version: '1.0.0' });
    const root = await buildah.mount('first');
    await mkdir(join(root, 'etc/chartroom/charts'), { recursive: true });
    await writeFile(join(root, 'etc/chartroom/charts/dinghy-1.0.0.tgz'), archive);
    await writeFile(join(root, 'etc/chartroom/config.yaml'), stringify(configuration));
    await chmod(join(root, 'etc/chartroom'), 0o755);
    const { Entrypoint = [], Cmd = [], Env = [] } = images[0]?.config ?? {};
    const env = Object.fromEntries(Env.map((one) => one.split(/=(.*)/s, 2)));
    const server = await startServer([...(await readOnly(root)), ...Entrypoint, ...Cmd], env);
    onTestFinished(async () => void (await server.stop()));
    await server.logged((line) => line['upstream'] === 'folder');
    const helm = await freshHelm(4);
    onTestFinished(() => helm.remove());
    await helm.ok('repo', 'add', 'charts', server.url);
    await helm.ok('pull', 'charts/dinghy');

    expect((await readFile(join(helm.folder, 'dinghy-1.0.0.tgz'))).equals(archive)).toBe(true);
    expect(await readFile(`/proc/${server.process.pid}/status`, 'utf8')).toMatch(/^Uid:\t65532\t65532\t65532\t65532$/m);
    expect(await server.stop()).toBe(0);
  });
});

const configuration = {
  server: { listen: '127.0.0.1:0' },
  store: { filesystem: { path: '/data' } },
  upstreams: [{ name: 'folder', url: './charts' }],
};

/**
 * A command before the image's own that runs it as its user, in its tree, which only `/data` of is writable. Where
 * mounting is not permitted the tree stays as it is: nothing else in it belongs to that user.
 */
async function readOnly(root: string): Promise<readonly string[]> {
  const chroot = ['chroot', '--userspec=65532:65532', root];
  const permitted = (await run('unshare', ['--mount', 'true'])).code === 0;
  if (!permitted) return ['/usr/bin/env', `PATH=/usr/sbin:/usr/bin:/sbin:/bin`, ...chroot];
  const mounts = [
    'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
    'mount --bind "$1" "$1"',
    'mount --bind "$1/data" "$1/data"',
    'mount -t proc proc "$1/proc"',
    'mount -o remount,bind,ro "$1"',
    'shift',
    'exec "$@"',
  ].join('; ');
  return ['/usr/bin/unshare', '--mount', '/bin/sh', '-ec', mounts, 'sh', root, ...chroot];
}
