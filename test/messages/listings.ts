import { chartArchive } from '../support/charts.ts';
import { fakeRegistry, type FakeRegistry } from '../support/fake-registry.ts';
import { faultUpstream, type Script } from '../support/fault-upstream.ts';
import { closedPort } from '../support/http.ts';
import { openInternet } from '../support/internet.ts';
import { demoRow, indexOf, nexus, withIndex, type Row } from './fixtures.ts';
import { openProgram, type Example, type Program, type Told } from './program.ts';

const page: Script = { headers: { 'content-type': 'text/html' }, body: '<!doctype html><title>Sign in</title>' };

async function ofPage(): Promise<Told> {
  const internet = await openInternet({ 'docs.corp': () => page });
  const program = await openProgram({ upstreams: [{ name: 'docs', url: 'https://docs.corp' }] }, { internet });
  return program.sync('docs');
}

/** An upstream named `ghcr` that is a registry on loopback. */
function ghcr(origin: string, more: object = {}): Promise<Program> {
  const url = `oci://${new URL(origin).host}/charts`;
  const upstream = { name: 'ghcr', url, plainHTTP: true, mirror: 'requested', charts: ['podinfo'], ...more };
  return openProgram({ upstreams: [upstream] });
}

async function ofNoRegistry(answer: Script): Promise<Told> {
  const server = await faultUpstream({ otherwise: answer });
  return (await ghcr(server.origin)).sync('ghcr');
}

/** A listing of 140 charts that becomes one of three. */
async function ofShrinking(): Promise<Told> {
  const repository = await faultUpstream();
  const rows = Array.from({ length: 140 }, (_, at): Row => {
    const name = `chart-${at}`;
    return { name, version: '1.0.0', urls: [`${name}.tgz`] };
  });
  repository.on('/index.yaml', indexOf(rows), indexOf(rows.slice(0, 3)));
  const program = await nexus(repository.origin, { withdrawn: 'drop' });
  await program.fill('nexus');
  return program.sync('nexus');
}

const image = JSON.stringify({
  schemaVersion: 2,
  config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: `sha256:${'0'.repeat(64)}`, size: 2 },
  layers: [],
});

async function registryOfImages(): Promise<FakeRegistry> {
  const registry = await fakeRegistry();
  registry.put('charts/podinfo', '1.0.0', image);
  return registry;
}

async function ofImages(): Promise<Told> {
  return (await ghcr((await registryOfImages()).origin)).sync('ghcr');
}

async function ofImage(): Promise<Told> {
  const program = await ghcr((await registryOfImages()).origin);
  await program.sync('ghcr');
  return program.get('/charts/podinfo/podinfo-1.0.0.tgz');
}

/** A tag that is listed while its manifest is gone. */
async function ofLostManifest(): Promise<Told> {
  const registry = await fakeRegistry();
  const archive = await chartArchive({ name: 'podinfo', version: '1.0.0' });
  registry.push('charts/podinfo', { name: 'podinfo', version: '1.0.0', archive });
  registry.on('/v2/charts/podinfo/manifests/1.0.0', {
    status: 404,
    headers: { 'content-type': 'application/json' },
    body: '{"errors":[{"code":"MANIFEST_UNKNOWN"}]}',
  });
  const program = await ghcr(registry.origin, { mirror: 'all' });
  await program.fill('ghcr');
  return program.failed('ghcr');
}

async function ofUnbrowsable(): Promise<Told> {
  const proxy = `http://127.0.0.1:${await closedPort()}`;
  const upstream = { name: 'ecr', url: 'public.ecr.aws/charts', discover: true, proxy };
  return (await openProgram({ upstreams: [upstream] })).sync('ecr');
}

const lastGood = 'The last good listing stays.';

/** The faults of what is listed, or of what stands where a listing should be. */
export const listings = {
  'not-a-repository': [
    {
      when: 'a web page stands where the index should be',
      happens: ofPage,
      says: 'docs: https://docs.corp/index.yaml answered with a web page, not an index. Is the path right? Is a login page in the way?',
    },
    {
      when: 'there is no index',
      happens: () => withIndex({ status: 404 }),
      says: /^nexus: there is no index\.yaml at http:\/\/127\.0\.0\.1:\d+\/index\.yaml \(404\)\. Is the path right\? /,
    },
  ],
  'not-a-registry': [
    {
      when: 'a web page stands at /v2/',
      happens: () => ofNoRegistry(page),
      says: /^ghcr: http:\/\/127\.0\.0\.1:\d+\/v2\/\S* answered with a web page, not as a registry does\. Is the host right\? Is a login page in the way\?$/,
    },
    {
      when: 'there is nothing at /v2/',
      happens: () => ofNoRegistry({ status: 404 }),
      says: /^ghcr: http:\/\/127\.0\.0\.1:\d+\/v2\/ answered with 404, not as a registry does\. Is the host right\? /,
    },
  ],
  'listing-invalid': [
    {
      when: 'the index is no YAML',
      happens: () => withIndex({ body: 'entries: [{' }),
      says: new RegExp(
        `^nexus: index\\.yaml .*\\. ${lastGood} Look at the index with curl; its publisher must mend it\\.$`,
      ),
    },
    {
      when: 'the index is too large',
      happens: () => withIndex(indexOf([demoRow('a'.repeat(2_000))]), { maxIndexBytes: '1KiB' }),
      says: 'nexus: index.yaml is larger than 1024 bytes. Raise maxIndexBytes of this upstream if its index is really that large.',
    },
  ],
  'listing-refused': [
    {
      when: 'a listing lost most of what it had',
      happens: ofShrinking,
      says: new RegExp(
        `^nexus: lists 3 versions, it listed 140\\. ${lastGood} Accept it with POST /api/v1/upstreams/nexus/sync\\?accept=shrink\\.$`,
      ),
    },
    {
      when: 'an upstream is retired',
      happens: async () => (await nexus('http://127.0.0.1:1', { retired: true })).sync('nexus'),
      says: /^nexus: is retired, and so it is not asked for anything\. /,
    },
  ],
  'no-charts-found': [
    {
      when: 'nothing matches charts',
      happens: () => withIndex(indexOf([demoRow()]), { charts: ['podinfo'] }),
      says: /^nexus: nothing it lists is a chart we are to offer\. Check the url and the options charts and versions; /,
    },
    {
      when: 'the first listing is empty',
      happens: () => withIndex(indexOf([])),
      says: /^nexus: the first listing has no charts\. Check the url and the options charts and versions; /,
    },
    {
      when: 'a registry holds images but no charts',
      happens: ofImages,
      says: /^ghcr: nothing it lists is a chart we are to offer\b.*\. Check the url and the options charts and versions; /,
    },
  ],
  'invalid-reference': [
    {
      when: 'a registry cannot be browsed',
      happens: ofUnbrowsable,
      says: 'ecr: Amazon ECR Public cannot be browsed. Name the charts in charts, and leave out discover.',
    },
  ],
  'manifest-unknown': [
    {
      when: 'a tag has no manifest',
      happens: ofLostManifest,
      says: 'ghcr: lists a tag for podinfo 1.0.0, and has no manifest for it. Its publisher may be pushing it just now, or removed it halfway.',
    },
  ],
  'not-a-chart': [
    {
      when: 'a tag is an image',
      happens: ofImage,
      status: 502,
      says: /^ghcr: .*podinfo.* is not a chart.*\. Charts are put into a registry with helm push/,
    },
  ],
} satisfies Readonly<Record<string, readonly Example[]>>;
