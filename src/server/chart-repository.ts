import type { Context, Hono } from 'hono';
import { LRUCache } from 'lru-cache';

import { hexOf } from '../chart/digest.ts';
import { Fault } from '../chart/fault.ts';
import type { Holding } from '../chart/holding.ts';
import { isChartName } from '../chart/names.ts';
import { unknownRepository } from '../chart/unknown-repository.ts';
import { isChartVersion } from '../chart/version.ts';
import type { OpenBytes } from '../lib/bytes.ts';
import type { Log } from '../lib/log.ts';
import type { ChartRef, Mirror, Provenances } from '../mirror/contract/doors.ts';
import { namesEtag, prefersGzip } from './conditions.ts';
import type { ServerEnv } from './exchange.ts';
import { sendObject, type SentObject } from './send-object.ts';
import { sendBuffer, sendBuffers, sendHeaders, sendText, type Headers } from './send.ts';

type Exchanged = Context<ServerEnv>;
type Answer = Response | Promise<Response>;

/** What the chart repository's addresses answer from. */
export interface ChartRepositoryParts {
  readonly mirror: Mirror;
  readonly provenances: Provenances;
  readonly log: Log;
}

/**
 * Helm's chart repository over HTTP: `index.yaml`, archives and provenance files, of the root's repository and below
 * each repository's name. Handlers throw faults, never redirect, and stay synchronous while everything is in memory.
 */
export function addChartRepository(app: Hono<ServerEnv>, parts: ChartRepositoryParts): void {
  const files = fileReader();
  const { mirror } = parts;
  app.get('/charts/:chart/:file', (c) => sendFile(c, files, rootOf(mirror), parts));
  app.get('/index.yaml', (c) => sendIndex(c, mirror, rootOf(mirror)));
  app.get('/:repository/charts/:chart/:file', (c) => sendFile(c, files, named(c, mirror), parts));
  app.get('/:repository/index.yaml', (c) => sendIndex(c, mirror, named(c, mirror)));
}

/** The repository that answers without a name in the path. */
function rootOf(mirror: Mirror): string {
  const root = mirror.repositories().find((repository) => repository.root);
  if (root) return root.name;
  const paths = mirror.repositories().map(({ name }) => `/${name}/`);
  throw new Fault('not-found', 'No repository answers at this address.', `Repositories answer at ${paths.join(', ')}.`);
}

function named(c: Exchanged, mirror: Mirror): string {
  const name = c.req.param('repository') ?? '';
  const names = mirror.repositories().map((repository) => repository.name);
  if (names.includes(name)) return name;
  throw unknownRepository(name, names);
}

/** The finished index as it is or compressed, or 304. Serves only what was rendered before the request came. */
function sendIndex(c: Exchanged, mirror: Mirror, repository: string): Response {
  const { incoming, outgoing } = c.env;
  outgoing.door = 'index';
  outgoing.repository = repository;
  const rendering = mirror.rendering(repository);
  const gzip = prefersGzip(incoming.headers['accept-encoding']);
  const etag = gzip ? `"${rendering.etag}-gzip"` : `"${rendering.etag}"`;
  if (namesEtag(incoming.headers['if-none-match'], etag)) {
    return sendHeaders(304, { ETag: etag, Vary: 'Accept-Encoding', 'Cache-Control': 'no-cache' });
  }
  const headers: Headers = {
    'Content-Type': 'application/yaml; charset=utf-8',
    ETag: etag,
    Vary: 'Accept-Encoding',
    'Cache-Control': 'no-cache',
    'X-Content-Type-Options': 'nosniff',
  };
  if (gzip) headers['Content-Encoding'] = 'gzip';
  return sendBuffers(c, 200, headers, gzip ? [rendering.gzip] : rendering.identity);
}

function sendFile(c: Exchanged, files: FileReader, repository: string, parts: ChartRepositoryParts): Answer {
  const file = files(c.req.param('chart') ?? '', c.req.param('file') ?? '');
  const { outgoing } = c.env;
  outgoing.door = file.kind;
  outgoing.repository = repository;
  outgoing.chart = file.chart;
  outgoing.version = file.version;
  const ref = { repository, chart: file.chart, version: file.version };
  if (file.kind === 'provenance') return sendProvenance(c, ref, parts.provenances);
  const holding = parts.mirror.resolve(ref);
  return holding instanceof Promise
    ? holding.then((held) => sendArchive(c, ref, held, parts))
    : sendArchive(c, ref, holding, parts);
}

function sendArchive(c: Exchanged, ref: ChartRef, { archive }: Holding, parts: ChartRepositoryParts): Answer {
  const object: SentObject = {
    contentType: 'application/gzip',
    etag: `"${hexOf(archive.digest)}"`,
    size: archive.size,
    open: (range) => {
      const bytes = parts.mirror.open(ref.repository, archive.digest, range);
      return bytes instanceof Promise ? bytes.then((opened) => offered(opened, ref)) : offered(bytes, ref);
    },
    refuseRange: (message, headers) => sendText(c, 416, message, headers),
  };
  return sendObject(c, object, parts.log);
}

/** What was resolved a moment ago may no longer be offered: then it is not found. */
function offered(bytes: OpenBytes | undefined, { chart, version }: ChartRef): OpenBytes {
  if (bytes) return bytes;
  throw new Fault('not-found', `${chart} ${version} is not offered here any more.`, 'Update the index.');
}

async function sendProvenance(c: Exchanged, ref: ChartRef, provenances: Provenances): Promise<Response> {
  const provenance = await provenances.provenance(ref);
  if (!provenance) {
    const message = `${ref.chart} ${ref.version} has no provenance file.`;
    throw new Fault('not-found', message, 'Its upstream does not sign it, or not over this protocol.');
  }
  const etag = `"${hexOf(provenance.descriptor.digest)}"`;
  const headers: Headers = { ETag: etag, 'Cache-Control': 'no-cache' };
  if (namesEtag(c.env.incoming.headers['if-none-match'], etag)) return sendHeaders(304, headers);
  headers['Content-Type'] = 'application/pgp-signature';
  headers['X-Content-Type-Options'] = 'nosniff';
  return sendBuffer(c, 200, headers, provenance.bytes);
}

interface FileName {
  readonly kind: 'archive' | 'provenance';
  readonly chart: string;
  readonly version: string;
}

type FileReader = (chart: string, file: string) => FileName;

const maxRememberedFiles = 5_000;

/**
 * Reads `<chart>-<version>.tgz` and `.tgz.prov` as one file of `chart`. Throws 'bad-request' for a name or version that
 * no chart can have, 'not-found' for a file of another form. Remembers what it read: checking a version takes longer
 * than answering.
 */
function fileReader(): FileReader {
  const known = new LRUCache<string, FileName>({ max: maxRememberedFiles });
  return (chart, file) => {
    const remembered = known.get(file);
    if (remembered?.chart === chart) return remembered;
    const read = readFileName(chart, file);
    known.set(file, read);
    return read;
  };
}

function readFileName(chart: string, file: string): FileName {
  if (!isChartName(chart))
    throw badName(
      'chart name',
      'Letters, digits, dots, dashes and underscores, at most 128, beginning with a letter or digit.',
    );
  const suffix = file.endsWith('.tgz') ? '.tgz' : '.tgz.prov';
  if (!file.startsWith(`${chart}-`) || !file.endsWith(suffix)) {
    const advice = `Archives of ${chart} are at ${chart}-<version>.tgz.`;
    throw new Fault('not-found', 'There is no such file.', advice);
  }
  const version = file.slice(chart.length + 1, -suffix.length);
  if (!isChartVersion(version))
    throw badName('version', 'A semantic version such as 1.2.3, of at most 128 characters.');
  return { kind: suffix === '.tgz' ? 'archive' : 'provenance', chart, version };
}

function badName(what: string, advice: string): Fault {
  return new Fault('bad-request', `The ${what} in this address is not valid.`, advice);
}
