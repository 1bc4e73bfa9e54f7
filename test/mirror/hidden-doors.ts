import { gunzipSync } from 'node:zlib';

import { digestOf, hexOf, type Digest } from '../../src/chart/digest.ts';
import { Fault } from '../../src/chart/fault.ts';
import { readAll } from '../../src/lib/bytes.ts';
import type { Reader } from '../../src/mirror/reading/reader.ts';
import type { Answer, Asking } from '../server/open-doors.ts';

/** A version that is looked for, with all of its bytes that could be told. */
export interface Target {
  readonly chart: string;
  readonly version: string;
  readonly archive: Buffer;
  readonly provenance: Buffer;
  readonly digests: Digests;
}

/** What its parts are called by. */
export interface Digests {
  readonly archive: Digest;
  readonly provenance: Digest;
  readonly manifest: Digest;
  readonly config: Digest;
}

/** What can be asked, and of whom. */
export interface House {
  readonly ask: (path: string, asking?: Asking) => Promise<Answer>;
  readonly reader: Reader;
}

/** What came out of a door: a status, and everything that could tell of a version. */
export interface Told {
  readonly status: number;
  readonly text: string;
}

/** One way to ask for a version, or for what lists it. */
export interface Door {
  readonly name: string;
  /**
   * `list` answers 200 in any case and must only leave it out; `chart` 404 when nothing of the chart is left; `beside` may
   * answer with nothing.
   */
  readonly kind: 'list' | 'chart' | 'version' | 'digest' | 'beside';
  /** What it answers when nothing hides the version. */
  readonly open: number;
  /** Whether an answer tells of the version otherwise than by its bytes or its digest. */
  readonly tells?: ((target: Target, text: string) => boolean) | undefined;
  /** It answers with nothing that tells of a version. */
  readonly isMute?: boolean;
  ask(house: House, target: Target): Promise<Told>;
}

function overHttp(
  name: string,
  kind: Door['kind'],
  open: number,
  pathOf: (target: Target) => string,
  asking: (target: Target) => Asking = () => ({}),
  more: Pick<Door, 'tells' | 'isMute'> = {},
): Door {
  const ask: Door['ask'] = async (house, target) => toldBy(await house.ask(pathOf(target), asking(target)));
  return { name, kind, open, ask, isMute: name.startsWith('HEAD'), ...more };
}

function toldBy({ status, reason, headers, body }: Answer): Told {
  const plain = headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
  return { status, text: `${reason}\n${JSON.stringify(headers)}\n${plain.toString('latin1')}` };
}

const charts = '/api/v1/repositories/all/charts';
const archiveOf = ({ chart, version }: Target): string => `/charts/${chart}/${chart}-${version}.tgz`;
const provenanceOf = (target: Target): string => `${archiveOf(target)}.prov`;
const etagOf = (bytes: Buffer): string => `"${hexOf(digestOf(bytes))}"`;
const header = (name: string, value: (target: Target) => string) => (target: Target) => ({
  headers: { [name]: value(target) },
});
const head = (): Asking => ({ method: 'HEAD' });

/** The chart repository's door opens what it named by its digest. */
const openByDigest: Door = {
  name: 'open by digest',
  kind: 'digest',
  open: 200,
  ask: async ({ reader }, { digests }) => {
    try {
      const opened = await reader.open('all', digests.archive);
      if (!opened) return { status: 404, text: '' };
      const bytes = Buffer.isBuffer(opened.body) ? opened.body : await readAll(opened.body, 1e9);
      return { status: 200, text: bytes.toString('latin1') };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return { status: error.code === 'denied' ? 403 : error.code === 'not-found' ? 404 : 500, text: error.message };
    }
  },
};

const repositoryOf = ({ chart }: Target): string => `/v2/${chart}`;
const tagOf = (target: Target): string => `${repositoryOf(target)}/manifests/${target.version}`;
const manifestOf = (target: Target): string => `${repositoryOf(target)}/manifests/${target.digests.manifest}`;
const blobOf =
  (part: 'archive' | 'provenance' | 'config') =>
  (target: Target): string =>
    `${repositoryOf(target)}/blobs/${target.digests[part]}`;
const mute = { isMute: true };

/** The registry's, which tell what things are called by before they are asked for by that. */
const registryDoors: readonly Door[] = [
  overHttp('manifest by tag', 'version', 200, tagOf),
  overHttp('manifest by tag of the repository', 'version', 200, (target) => tagOf(target).replace('/v2/', '/v2/all/')),
  overHttp('HEAD of the manifest by tag', 'version', 200, tagOf, head),
  overHttp(
    'manifest by tag unless it is the one',
    'version',
    304,
    tagOf,
    header('if-none-match', ({ digests }) => `"${digests.manifest}"`),
  ),
  overHttp('manifest by digest', 'digest', 200, manifestOf),
  overHttp('HEAD of the manifest by digest', 'digest', 200, manifestOf, head, mute),
  overHttp('archive as a blob', 'digest', 200, blobOf('archive')),
  overHttp('archive as a blob of the repository', 'digest', 200, (target) =>
    blobOf('archive')(target).replace('/v2/', '/v2/all/'),
  ),
  overHttp('HEAD of the archive as a blob', 'digest', 200, blobOf('archive'), head),
  overHttp(
    'part of the archive as a blob',
    'digest',
    206,
    blobOf('archive'),
    header('range', () => 'bytes=10-'),
  ),
  overHttp(
    'archive as a blob unless it is the one',
    'digest',
    304,
    blobOf('archive'),
    header('if-none-match', ({ digests }) => `"${digests.archive}"`),
  ),
  overHttp('provenance as a blob', 'digest', 200, blobOf('provenance')),
  // that of a registry says no more than the fake makes up
  overHttp('config as a blob', 'digest', 200, blobOf('config'), () => ({}), mute),
  overHttp(
    'manifest as a blob',
    'digest',
    404,
    (target) => manifestOf(target).replace('manifests', 'blobs'),
    () => ({}),
    mute,
  ),
  overHttp(
    'referrers',
    'beside',
    200,
    (target) => manifestOf(target).replace('manifests', 'referrers'),
    () => ({}),
    mute,
  ),
  overHttp(
    'tag of a signature',
    'beside',
    404,
    (target) => `${repositoryOf(target)}/manifests/sha256-${hexOf(target.digests.manifest)}.sig`,
    () => ({}),
    mute,
  ),
  overHttp(
    'tags',
    'chart',
    200,
    (target) => `${repositoryOf(target)}/tags/list`,
    () => ({}),
    { tells: ({ version }, text) => text.includes(`"${version}"`) },
  ),
  overHttp(
    'tags of the repository',
    'chart',
    200,
    (target) => `/v2/all/${target.chart}/tags/list?n=1000`,
    () => ({}),
    { tells: ({ version }, text) => text.includes(`"${version}"`) },
  ),
  overHttp(
    'catalog',
    'list',
    200,
    () => '/v2/_catalog',
    () => ({}),
    { tells: ({ chart }, text) => text.includes(`"${chart}"`) || text.includes(`"all/${chart}"`) },
  ),
];

/** Every door there is. Whoever adds one adds it here. */
export const doors: readonly Door[] = [
  overHttp('index', 'list', 200, () => '/index.yaml'),
  overHttp('index of the repository', 'list', 200, () => '/all/index.yaml'),
  overHttp(
    'index, gzip',
    'list',
    200,
    () => '/index.yaml',
    header('accept-encoding', () => 'gzip'),
  ),
  overHttp('HEAD of the index', 'list', 200, () => '/index.yaml', head),
  overHttp('archive', 'version', 200, archiveOf),
  overHttp('archive of the repository', 'version', 200, (target) => `/all${archiveOf(target)}`),
  overHttp('HEAD of the archive', 'version', 200, archiveOf, head),
  overHttp(
    'part of the archive',
    'version',
    206,
    archiveOf,
    header('range', () => 'bytes=10-'),
  ),
  overHttp(
    'end of the archive',
    'version',
    206,
    archiveOf,
    header('range', () => 'bytes=-100'),
  ),
  overHttp(
    'part behind the end of the archive',
    'version',
    416,
    archiveOf,
    header('range', () => 'bytes=9999999-'),
  ),
  overHttp(
    'archive unless it is the one',
    'version',
    304,
    archiveOf,
    header('if-none-match', ({ archive }) => etagOf(archive)),
  ),
  overHttp(
    'archive unless there is any',
    'version',
    304,
    archiveOf,
    header('if-none-match', () => '*'),
  ),
  overHttp('provenance', 'version', 200, provenanceOf),
  overHttp('HEAD of the provenance', 'version', 200, provenanceOf, head),
  overHttp(
    'provenance unless there is any',
    'version',
    304,
    provenanceOf,
    header('if-none-match', () => '*'),
  ),
  overHttp('charts in the API', 'list', 200, () => charts),
  overHttp('search in the API', 'list', 200, () => `${charts}?search=demo`),
  overHttp('versions in the API', 'chart', 200, ({ chart }) => `${charts}/${chart}`),
  overHttp('version in the API', 'version', 200, ({ chart, version }) => `${charts}/${chart}/${version}`),
  openByDigest,
  ...registryDoors,
];
