import { expect } from 'vitest';

import { claimTable } from '../../../src/chart/catalog.ts';
import { readAll } from '../../../src/lib/bytes.ts';
import type { Listing, Part, Upstream } from '../../../src/upstream/contract.ts';
import { chartArchive, hexDigest } from '../charts.ts';
import { never } from '../http.ts';
import { claimsOf, wordsOf } from '../indexes.ts';
import type { SiteAnswer, SiteRequest } from '../internet.ts';

/** A chart version as a product keeps it. */
export interface Shelved {
  readonly name: string;
  readonly version: string;
  /** `<name>-<version>.tgz`. */
  readonly file: string;
  readonly archive: Buffer;
  /** Undefined where a product keeps none. */
  readonly provenance: string | undefined;
}

/** Charts for a product to keep: `nginx 1.0.0`. */
export async function shelfOf(...names: readonly string[]): Promise<readonly Shelved[]> {
  const shelve = async (words: string): Promise<Shelved> => {
    const [name = '', version = ''] = words.split(' ');
    const file = `${name}-${version}.tgz`;
    const archive = await chartArchive({ name, version });
    return { name, version, file, archive, provenance: `-----BEGIN PGP SIGNED MESSAGE-----\n${file}\n` };
  };
  return Promise.all(names.map(shelve));
}

interface IndexWords {
  readonly urlOf: (chart: Shelved) => string;
  /** False where a product does not say it. */
  readonly digests?: boolean;
  readonly generated?: string;
}

/** `index.yaml` of a shelf, as JSON. */
export function indexOf(shelf: readonly Shelved[], { urlOf, digests = true, generated }: IndexWords): string {
  const entries = Object.groupBy(
    shelf.map((chart) => ({
      ...{ apiVersion: 'v2', name: chart.name, version: chart.version, created: '2026-01-01T00:00:00Z' },
      urls: [urlOf(chart)],
      ...(digests && { digest: hexDigest(chart.archive) }),
    })),
    ({ name }) => name,
  );
  return JSON.stringify({ apiVersion: 'v1', entries, ...(generated && { generated }) });
}

/** The archive or provenance that ends a path, as a product's file server answers. */
export function fileAt(shelf: readonly Shelved[], path: string): SiteAnswer | undefined {
  const name = decodeURIComponent(path.slice(path.lastIndexOf('/') + 1));
  const chart = shelf.find(({ file }) => file === name || `${file}.prov` === name);
  const body = name.endsWith('.prov') ? chart?.provenance : chart?.archive;
  return body === undefined ? undefined : { body };
}

/** The value of `Authorization` that Basic makes. */
export function basicOf(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** Lists an upstream and opens every archive and provenance: they must be those of the shelf. */
export async function expectShelf(upstream: Upstream, shelf: readonly Shelved[]): Promise<Listing> {
  const listing = await upstream.list(undefined, never);
  if ('unchanged' in listing) throw new Error('unchanged');
  const claims = claimsOf(listing.claims);
  const onShelf = shelf.map(({ name: chart, version }) => ({ chart, version, source: '' }));
  expect(wordsOf(claims)).toEqual(wordsOf(claimsOf(claimTable(onShelf))));
  for (const { chart: name, version, source } of claims) {
    const chart = shelf.find((one) => one.name === name && one.version === version);
    expect(await bytesOf(upstream, source, 'archive')).toEqual(chart?.archive);
    expect((await bytesOf(upstream, source, 'provenance'))?.toString()).toBe(chart?.provenance);
  }
  return listing;
}

/** What a source opens to; undefined when it is not there. */
export async function bytesOf(upstream: Upstream, source: string, part: Part): Promise<Buffer | undefined> {
  const incoming = await upstream.open(source, part, never);
  return incoming && readAll(incoming.body, 1e6);
}

/** Whether the next listing says that nothing changed. */
export async function isUnchanged(upstream: Upstream, { validator }: Pick<Listing, 'validator'>): Promise<boolean> {
  return 'unchanged' in (await upstream.list(validator, never));
}

/** Everything a host was told, in one text: what is not in it did not get there. */
export function toldTo(requests: readonly SiteRequest[]): string {
  return JSON.stringify(requests.map(({ target, headers, body }) => [target, headers, body]));
}

/** Bytes with an ETag and a date, and 304 for who has them: what well-kept file servers answer. */
export function validated(
  request: SiteRequest,
  body: string | Uint8Array,
  etag = `"${hexDigest(Buffer.from(body))}"`,
): SiteAnswer {
  const headers = { etag, 'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT' };
  return request.headers['if-none-match'] === etag ? { status: 304, headers } : { headers, body };
}
