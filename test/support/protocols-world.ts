import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

import { onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';

import { digestOf, hexOf, type Digest } from '../../src/chart/digest.ts';
import { startChartroom } from './chartroom.ts';
import { chartArchive } from './charts.ts';
import { startDistribution } from './distribution.ts';
import { freshHelm, type Helm } from './helm.ts';
import { curl } from './page-curl.ts';
import { run, runOk } from './process.ts';
import { createSigningKey } from './signing.ts';
import { startStaticUpstream } from './static-upstream.ts';
import { temporaryFolder } from './temp.ts';
import { tool } from './tools.ts';

/** What a page about both protocols runs on: a server in a process of its own, a chart repository and a registry. */
export interface ProtocolsWorld {
  /** Runs a command as it stands on the page; answers with what it printed, hosts and folders as the page has them. */
  run(command: string): Promise<string>;
}

interface Settings {
  readonly upstreams: readonly { readonly name: string }[];
}

const main = join(import.meta.dirname, '../../src/main.ts');

/** Starts it on the configuration of the page, everything listed and fetched. It ends with the test. */
export async function openProtocolsWorld(configuration: string): Promise<ProtocolsWorld> {
  const folder = await temporaryFolder();
  const helm = await freshHelm(4);
  onTestFinished(() => helm.remove());
  const charts = await startCharts(helm, folder);
  const registry = await startRegistry();
  const names = [
    ['https://charts.example', charts],
    ['registry.internal', registry],
    ['/etc/chartroom/pubring.gpg', join(helm.folder, 'pubring.gpg')],
  ] as const;
  const text = names.reduce((all, [there, here]) => all.replaceAll(there, here), configuration);
  const file = join(folder, 'chartroom.yaml');
  await writeFile(file, stringify(onLoopback(parse(text) as Settings)));
  await runOk(process.execPath, [main, 'sync', '--config', file]);
  const server = await startChartroom(file);
  onTestFinished(() => server.kill9());
  for (const name of ['public', 'registry']) {
    await server.logged(({ msg, upstream }) => msg === 'synced' && upstream === name);
  }
  const { host } = new URL(server.url);
  const there = (printed: string): string =>
    printed
      .replaceAll(server.url, 'https://charts.corp')
      .replaceAll(host, 'charts.corp')
      .replaceAll(`${helm.folder}/`, '');
  return { run: async (command) => there(await execute(command, { helm, host, url: server.url })) };
}

/** The same without TLS, and listening at any port. */
function onLoopback({ upstreams, ...settings }: Settings): object {
  return {
    ...settings,
    server: { listen: '127.0.0.1:0' },
    upstreams: upstreams.map((upstream) =>
      upstream.name === 'registry' ? { ...upstream, plainHTTP: true } : upstream,
    ),
  };
}

interface Shell {
  readonly helm: Helm;
  readonly host: string;
  readonly url: string;
}

/** A shell that knows Helm and crane, which take loopback for what it is, and `curl` as far as the page needs it. */
async function execute(command: string, { helm, host, url }: Shell): Promise<string> {
  if (command.startsWith('curl ')) return curl(url, command, '');
  const [program = '', ...words] = command
    .replaceAll('https://charts.corp', url)
    .replaceAll('charts.corp', host)
    .split(' ');
  const programs: Readonly<Record<string, () => Promise<{ readonly stdout: string; readonly stderr: string }>>> = {
    helm: () => helm.run(...words, ...(words.some((word) => word.startsWith('oci://')) ? ['--plain-http'] : [])),
    crane: () => run(tool('crane'), words, { cwd: helm.folder }),
  };
  const { stdout, stderr } = await (programs[program]?.() ?? run('sh', ['-c', command], { cwd: helm.folder }));
  return stdout + stderr;
}

/** A chart repository; its url. What it has is the same to the byte each time, but for the chart that is signed. */
async function startCharts(helm: Helm, folder: string): Promise<string> {
  const charts = join(folder, 'charts');
  await mkdir(charts);
  const versions = [
    ['nginx', '1.24.0'],
    ['nginx', '1.25.0'],
    ['nginx', '1.26.0+build.7'],
    ['Billing', '1.0.0'],
  ] as const;
  for (const [name, version] of versions) {
    await writeFile(join(charts, `${name}-${version}.tgz`), await steadyArchive(name, version));
  }
  const key = await createSigningKey(folder);
  await copyFile(key.publicKeyring, join(helm.folder, 'pubring.gpg'));
  await runOk('tar', ['xzf', join(charts, 'nginx-1.25.0.tgz'), '-C', folder]);
  const source = join(folder, 'nginx');
  await writeFile(join(source, 'Chart.yaml'), stringify({ apiVersion: 'v2', name: 'gateway', version: '1.0.0' }));
  await helm.ok(
    'package',
    source,
    '--destination',
    charts,
    '--sign',
    '--key',
    key.name,
    '--keyring',
    key.secretKeyring,
  );
  await helm.ok('repo', 'index', charts);
  const server = await startStaticUpstream({ folder: charts });
  onTestFinished(() => server.stop());
  return server.url;
}

/** The same bytes on every machine: nothing in it is compressed. */
async function steadyArchive(name: string, version: string): Promise<Buffer> {
  return gzipSync(gunzipSync(await chartArchive({ name, version })), { level: 0 });
}

/** A registry with a chart, its signature as cosign puts it there, and a bill of materials that refers to it; its host. */
async function startRegistry(): Promise<string> {
  const registry = await startDistribution();
  onTestFinished(() => registry.stop());
  const name = 'charts/corp-app';
  const chart = await pushImage(registry.url, name, '2.0.0', {
    config: [
      'application/vnd.cncf.helm.config.v1+json',
      JSON.stringify({ apiVersion: 'v2', name: 'corp-app', version: '2.0.0' }),
    ],
    layer: ['application/vnd.cncf.helm.chart.content.v1.tar+gzip', await steadyArchive('corp-app', '2.0.0')],
  });
  const beside = `sha256-${hexOf(chart.digest)}`;
  await pushImage(registry.url, name, `${beside}.sig`, {
    config: ['application/vnd.oci.image.config.v1+json', '{}'],
    layer: ['application/vnd.dev.cosign.simplesigning.v1+json', '{"critical":{}}'],
  });
  const materials = await pushImage(registry.url, name, 'sbom', {
    config: ['application/vnd.oci.empty.v1+json', '{}'],
    layer: ['application/spdx+json', '{"spdxVersion":"SPDX-2.3"}'],
    more: { artifactType: 'application/spdx+json', subject: { mediaType: manifestType, ...chart } },
  });
  // distribution lists no referrers: who pushes one keeps the list under this tag
  const entry = { mediaType: manifestType, ...materials, artifactType: 'application/spdx+json' };
  await putManifest(registry.url, name, beside, { schemaVersion: 2, mediaType: indexType, manifests: [entry] });
  return new URL(registry.url).host;
}

const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const indexType = 'application/vnd.oci.image.index.v1+json';

type Blob = readonly [mediaType: string, bytes: string | Buffer];

interface Pushed {
  readonly digest: Digest;
  readonly size: number;
}

interface Parts {
  readonly config: Blob;
  readonly layer: Blob;
  readonly more?: object;
}

async function pushImage(registry: string, name: string, tag: string, { config, layer, more }: Parts): Promise<Pushed> {
  const put = async ([mediaType, bytes]: Blob): Promise<object> => ({
    mediaType,
    ...(await putBlob(registry, name, bytes)),
  });
  return putManifest(registry, name, tag, {
    schemaVersion: 2,
    mediaType: manifestType,
    config: await put(config),
    layers: [await put(layer)],
    ...more,
  });
}

async function putManifest(registry: string, name: string, tag: string, manifest: object): Promise<Pushed> {
  const { mediaType = manifestType } = manifest as { readonly mediaType?: string };
  return put(new URL(`${registry}/v2/${name}/manifests/${tag}`), mediaType, Buffer.from(JSON.stringify(manifest)));
}

async function putBlob(registry: string, name: string, content: string | Buffer): Promise<Pushed> {
  const bytes = Buffer.from(content);
  const begun = await fetch(`${registry}/v2/${name}/blobs/uploads/`, { method: 'POST' });
  const place = new URL(begun.headers.get('location') ?? '', registry);
  place.searchParams.set('digest', digestOf(bytes));
  return put(place, 'application/octet-stream', bytes);
}

async function put(place: URL, contentType: string, bytes: Buffer): Promise<Pushed> {
  const headers = { 'content-type': contentType };
  const answer = await fetch(place, { method: 'PUT', headers, body: new Uint8Array(bytes) });
  if (answer.status !== 201) throw new Error(`the registry refused ${place}: ${answer.status} ${await answer.text()}`);
  return { digest: digestOf(bytes), size: bytes.length };
}
