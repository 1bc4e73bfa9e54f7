import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { runOk } from './process.ts';
import { tool } from './tools.ts';

/** A descriptor of an OCI image layout. */
interface Descriptor {
  readonly digest: string;
  readonly size: number;
}

/** What an image looks like from the outside. */
export interface BuiltImage {
  /** Of its manifest. */
  readonly digest: string;
  /** Manifest, configuration and compressed layers together. */
  readonly compressedBytes: number;
  readonly config: {
    readonly User?: string;
    readonly Env?: readonly string[];
    readonly Entrypoint?: readonly string[];
    readonly Cmd?: readonly string[];
    readonly WorkingDir?: string;
    readonly StopSignal?: string;
    readonly Labels?: Readonly<Record<string, string>>;
  };
}

/** A real buildah with storage of its own: no daemon, no network, nothing left behind. */
export interface Buildah {
  /** A folder of its own, for contexts and the like. */
  readonly folder: string;
  run(...args: readonly string[]): Promise<string>;
  /** Makes a local image that holds a folder, so that `FROM name` finds it without a network. */
  importFolder(name: string, root: string): Promise<void>;
  build(context: string, name: string, options: readonly string[]): Promise<void>;
  inspect(name: string): Promise<BuiltImage>;
  /** A fresh root file system of an image. */
  mount(name: string): Promise<string>;
  remove(): Promise<void>;
}

/** Starts with empty storage. Needs root. Remove it when done. */
export async function freshBuildah(): Promise<Buildah> {
  const folder = await mkdtemp(join(tmpdir(), 'chartroom-buildah-'));
  const policy = join(folder, 'policy.json');
  await writeFile(policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
  const registries = join(folder, 'registries.conf');
  await writeFile(registries, '');
  await mkdir(join(folder, 'run'));
  const storage = ['--storage-driver', 'vfs', '--root', join(folder, 'storage'), '--runroot', join(folder, 'run')];
  const run = async (...args: readonly string[]) =>
    (await runOk(tool('buildah'), [...storage, '--registries-conf', registries, ...args])).trim();
  return {
    folder,
    run,
    importFolder: async (name, root) => {
      const container = await run('from', '--signature-policy', policy, 'scratch');
      await run('add', '--quiet', container, root, '/');
      await run('commit', '--quiet', '--signature-policy', policy, '--timestamp', '0', '--rm', container, name);
    },
    build: async (context, name, options) => {
      const fixed = ['--isolation', 'chroot', '--format', 'oci', '--timestamp', '0', '--pull=never'];
      await run('build', '--signature-policy', policy, ...fixed, '--no-cache', ...options, '--tag', name, context);
    },
    inspect: async (name) => {
      const layout = join(folder, 'layout');
      await run('push', '--quiet', '--signature-policy', policy, name, `oci:${layout}:image`);
      const image = await readLayout(layout);
      await rm(layout, { recursive: true });
      return image;
    },
    mount: async (name) => run('mount', await run('from', '--signature-policy', policy, '--pull=never', name)),
    remove: async () => {
      await run('umount', '--all');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function readLayout(layout: string): Promise<BuiltImage> {
  const blob = async (digest: string) =>
    JSON.parse(await readFile(join(layout, 'blobs', digest.replace(':', '/')), 'utf8')) as unknown;
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as { manifests: [Descriptor] };
  const [manifest] = index.manifests;
  const { config, layers } = (await blob(manifest.digest)) as { config: Descriptor; layers: Descriptor[] };
  const compressedBytes = [manifest, config, ...layers].reduce((sum, one) => sum + one.size, 0);
  return {
    digest: manifest.digest,
    compressedBytes,
    config: ((await blob(config.digest)) as { config: BuiltImage['config'] }).config,
  };
}
