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
  /** Its own, and those of its manifest and config where it has them. */
  readonly digests: readonly Digest[];
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
  /** `list` answers 200 in any case and must only leave it out; `chart` 404 when nothing of the chart is left. */
  readonly kind: 'list' | 'chart' | 'version' | 'digest';
  /** What it answers when nothing hides the version. */
  readonly open: number;
  ask(house: House, target: Target): Promise<Told>;
}

function overHttp(
  name: string,
  kind: Door['kind'],
  open: number,
  pathOf: (target: Target) => string,
  asking: (target: Target) => Asking = () => ({}),
): Door {
  const ask: Door['ask'] = async (house, target) => toldBy(await house.ask(pathOf(target), asking(target)));
  return { name, kind, open, ask };
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

/** By digest there is no address over HTTP yet: what the doors open is asked directly. */
function byDigest(at: number): Door {
  const ask: Door['ask'] = async ({ reader }, { digests }) => {
    const digest = digests[at];
    if (!digest) return { status: 404, text: '' };
    try {
      const opened = await reader.open('all', digest);
      if (!opened) return { status: 404, text: '' };
      const bytes = Buffer.isBuffer(opened.body) ? opened.body : await readAll(opened.body, 1e9);
      return { status: 200, text: bytes.toString('latin1') };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return { status: error.code === 'denied' ? 403 : error.code === 'not-found' ? 404 : 500, text: error.message };
    }
  };
  // manifests and configs are not opened by anybody yet
  return { name: `open by digest ${at}`, kind: 'digest', open: at === 0 ? 200 : 404, ask };
}

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
  byDigest(0),
  byDigest(1),
  byDigest(2),
  byDigest(3),
];
