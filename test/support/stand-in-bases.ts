import { chmod, cp, mkdir, readdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { Buildah } from './buildah.ts';
import { run, runOk } from './process.ts';

/**
 * Makes stand-ins for the two images that the Dockerfile names, from files of this machine, since none can be pulled:
 * for the distroless base the C and C++ libraries that Node needs, for the build image a shell, this very Node and
 * npm, which finds the packages in the cache that `npm ci` filled.
 */
export async function importStandInBases(buildah: Buildah, names: { base: string; build: string }): Promise<void> {
  const base = join(buildah.folder, 'base');
  await addSkeleton(base);
  await addLibrariesOf(base, process.execPath);
  await buildah.importFolder(names.base, base);

  const build = join(buildah.folder, 'build');
  await addSkeleton(build);
  await addProgram(build, process.execPath, '/usr/local/bin/node');
  await addProgram(build, '/bin/sh', '/bin/sh');
  await addProgram(build, '/usr/bin/env', '/usr/bin/env');
  await addNpm(build);
  await buildah.importFolder(names.build, build);
}

/** Where `npm ci` keeps what it downloaded: mount it at `/npm-cache` during the build. */
export async function npmCache(): Promise<string> {
  return (await runOk('npm', ['config', 'get', 'cache'])).trim();
}

async function addSkeleton(root: string): Promise<void> {
  for (const folder of ['etc', 'proc', 'dev', 'sys', 'root', 'tmp', 'home/nonroot']) {
    await mkdir(join(root, folder), { recursive: true });
  }
  await chmod(join(root, 'tmp'), 0o1777);
  await writeFile(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n',
  );
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nnonroot:x:65532:\n');
}

async function addProgram(root: string, path: string, target: string): Promise<void> {
  await addFile(root, path, target);
  await addLibrariesOf(root, path);
}

/** The shared libraries that the dynamic linker names, each under the path where it will be looked for. */
async function addLibrariesOf(root: string, program: string): Promise<void> {
  const { stdout } = await run('ldd', [program]);
  for (const [path] of stdout.matchAll(/\/\S+/g)) await addFile(root, path, path);
}

async function addFile(root: string, path: string, target: string): Promise<void> {
  const copy = join(root, target);
  await mkdir(dirname(copy), { recursive: true });
  await cp(await realpath(path), copy);
}

async function addNpm(root: string): Promise<void> {
  const cli = process.env['npm_execpath'] ?? (await runOk('which', ['npm'])).trim();
  const npm = dirname(dirname(await realpath(cli)));
  const modules = join(root, 'usr/local/lib/node_modules');
  await mkdir(modules, { recursive: true });
  await cp(npm, join(modules, 'npm'), { recursive: true, dereference: true });
  if (!(await readdir(join(modules, 'npm'))).includes('package.json')) throw new Error(`${npm} is not npm`);
  await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'));
  const registry = (await runOk('npm', ['config', 'get', 'registry'])).trim();
  await mkdir(join(root, 'usr/local/etc'), { recursive: true });
  await writeFile(join(root, 'usr/local/etc/npmrc'), `cache=/npm-cache\noffline=true\nregistry=${registry}\n`);
}
