import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { load } from 'js-yaml';
import { stringify } from 'yaml';

import { startDistribution } from '../support/distribution.ts';
import { freshHelm, type Helm } from '../support/helm.ts';
import { needsSharedData, sharedData, type SharedRepository } from '../support/shared-data.ts';
import { createSigningKey, type SigningKey } from '../support/signing.ts';
import { startStaticUpstream, type StaticUpstream } from '../support/static-upstream.ts';

/** A chart that some upstream offers. */
export interface WorldChart {
  readonly name: string;
  /** As its upstream writes them, each once. */
  readonly versions: readonly string[];
  /** Archives that the upstream can deliver, as files, by version. */
  readonly archives: ReadonlyMap<string, string>;
}

/** Upstreams of every kind on loopback, with charts of our own and, where it lies beside the clone, real ones. */
export interface World {
  readonly folder: string;
  readonly key: SigningKey;
  /** The `upstreams` of a configuration file. */
  readonly upstreams: readonly Readonly<Record<string, unknown>>[];
  readonly charts: readonly WorldChart[];
  /** Nobody answers any more, and the folder is empty. */
  offline(): Promise<void>;
  stop(): Promise<void>;
}

const sharedCharts: readonly { readonly repository: SharedRepository; readonly charts: readonly string[] }[] = [
  { repository: 'podinfo', charts: ['podinfo'] },
  { repository: 'argo', charts: ['argo', 'argo-ci'] },
  { repository: 'grafana', charts: ['promtail'] },
];

/** Whether the real charts take part. Says so in one line when they do not. */
export const withSharedData = !needsSharedData(...sharedCharts.map((one) => one.repository));

/** Starts every upstream and fills the registry. Takes a few seconds. */
export async function startWorld(): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'chartroom-e2e-'));
  const key = await createSigningKey(folder);
  const helm = await freshHelm(4);
  const harbour = await packageChart(helm, key, join(folder, 'repository'), 'harbour', [
    '1.0.0',
    '1.1.0',
    '1.2.0-rc.1',
  ]);
  await helm.ok('repo', 'index', join(folder, 'repository'));
  const own = await startStaticUpstream({ folder: join(folder, 'repository') });
  const lighthouse = await packageChart(helm, key, join(folder, 'pushed'), 'lighthouse', [
    '0.1.0',
    '0.2.0',
    '1.0.0+build.5',
  ]);
  const registry = await startDistribution();
  for (const archive of lighthouse.archives.values()) await registry.push(archive, 'charts');
  const dinghy = await packageChart(helm, key, join(folder, 'packaged'), 'dinghy', ['2.0.0']);
  await cp(join(folder, 'packaged'), join(folder, 'folder'), { recursive: true });
  const shared = withSharedData ? await Promise.all(sharedCharts.map(startShared)) : [];
  await helm.remove();
  const servers = [own, ...shared.map((one) => one.server)];
  return {
    folder,
    key,
    upstreams: [
      { name: 'own', url: own.url },
      { name: 'pushed', url: `oci://${new URL(registry.url).host}/charts`, charts: ['lighthouse'], plainHTTP: true },
      { name: 'folder', url: './folder' },
      ...shared.map((one) => one.upstream),
    ],
    charts: [harbour, lighthouse, dinghy, ...shared.flatMap((one) => one.charts)],
    offline: async () => {
      await Promise.all([registry.stop(), ...servers.map((server) => server.offline())]);
      await rm(join(folder, 'folder'), { recursive: true });
    },
    stop: async () => {
      await Promise.all([registry.stop(), ...servers.map((server) => server.stop())]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Packages and signs versions of a small chart with a real Helm, into `into`. */
async function packageChart(
  helm: Helm,
  key: SigningKey,
  into: string,
  name: string,
  versions: readonly string[],
): Promise<WorldChart> {
  const source = join(helm.folder, name);
  await mkdir(join(source, 'templates'), { recursive: true });
  await mkdir(into, { recursive: true });
  await writeFile(join(source, 'values.yaml'), 'berths: 1\n');
  await writeFile(join(source, 'README.md'), `# ${name}\n`);
  await writeFile(
    join(source, 'templates/configmap.yaml'),
    'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\ndata:\n  chart: {{ .Chart.Name }}\n  berths: "{{ .Values.berths }}"\n',
  );
  const archives = new Map<string, string>();
  for (const version of versions) {
    await writeFile(
      join(source, 'Chart.yaml'),
      stringify({ apiVersion: 'v2', name, version, description: `A ${name}` }),
    );
    await helm.ok(
      'package',
      source,
      '--destination',
      into,
      '--sign',
      '--key',
      key.name,
      '--keyring',
      key.secretKeyring,
    );
    archives.set(version, join(into, `${name}-${version}.tgz`));
  }
  return { name, versions, archives };
}

interface SharedUpstream {
  readonly server: StaticUpstream;
  readonly upstream: Readonly<Record<string, unknown>>;
  readonly charts: readonly WorldChart[];
}

/** A real repository, its absolute urls leading to another port; only some of its charts, since it is large. */
async function startShared({ repository, charts }: (typeof sharedCharts)[number]): Promise<SharedUpstream> {
  const folder = sharedData(repository);
  const server = await startStaticUpstream({ folder, archivesElsewhere: true, gzip: true });
  const index = load(await readFile(join(folder, 'index.yaml'), 'utf8')) as {
    readonly entries: Readonly<Record<string, readonly { readonly version: string }[]>>;
  };
  const present = new Set([...(await readdir(folder)), ...(await readdir(join(folder, 'packages')).catch(() => []))]);
  return {
    server,
    upstream: { name: repository, url: server.url, archiveHosts: [server.archivesHost], charts },
    charts: charts.map((name) => {
      const versions = [...new Set((index.entries[name] ?? []).map((row) => row.version))];
      const archiveOf = (version: string) =>
        join(folder, repository === 'grafana' ? 'packages' : '', `${name}-${version}.tgz`);
      const delivered = versions.filter((version) => present.has(`${name}-${version}.tgz`));
      return { name, versions, archives: new Map(delivered.map((version) => [version, archiveOf(version)])) };
    }),
  };
}
