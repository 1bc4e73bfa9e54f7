import { expect } from 'vitest';
import { parse, stringify } from 'yaml';

import { Catalog } from '../../../src/chart/catalog.ts';
import type { Listing, Upstream } from '../../../src/upstream/contract.ts';
import { openConfigured, recipeOf, type Configured, type Surroundings } from '../configured.ts';
import { never } from '../http.ts';
import type { Internet } from '../internet.ts';
import { archiveOf } from './registry-shelf.ts';
import { bytesOf, isUnchanged } from './shelf.ts';

interface Written {
  readonly upstreams: readonly object[];
}

/** A product's recipe, changed where a test needs it, and not slowed down: its requests are counted, not timed. */
export async function openUnhurried(
  product: string,
  surroundings: Surroundings,
  change: object = {},
): Promise<Configured> {
  const { upstreams, ...rest } = parse(await recipeOf(product)) as Written;
  const [first, ...others] = upstreams;
  const changed = { ...first, requestsPerSecond: 1000, ...change };
  return openConfigured(stringify({ ...rest, upstreams: [changed, ...others] }), surroundings);
}

/** A listing for the first time. */
export async function listed({ settings }: Configured): Promise<Listing> {
  const listing = await settings.upstream.list(undefined, never);
  if ('unchanged' in listing) throw new Error('unchanged without a validator');
  return listing;
}

/** `name version` of every row, in order. */
export function namesIn({ claims }: Listing): readonly string[] {
  return [...new Catalog(claims).all()].map(({ chart, version }) => `${chart} ${version}`).toSorted();
}

/** What `smallShelf` has to offer. */
export const smallNames: readonly string[] = ['loki 1.0.0', 'loki 1.1.0', 'nginx 1.0.0', 'nginx 1.1.0'];

/** Describes every version of a listing and opens its archive; the names of those that are charts. */
export async function fetchAll(upstream: Upstream, { claims }: Listing): Promise<readonly string[]> {
  const names: string[] = [];
  for (const {
    chart,
    version,
    claims: [claim],
  } of new Catalog(claims).all()) {
    const described = await upstream.describe(claim?.source ?? '', never);
    expect(JSON.parse(described?.claim.metadata ?? '{}')).toMatchObject({ name: chart, version });
    const bytes = await bytesOf(upstream, described?.claim.source ?? '', 'archive');
    expect(bytes?.toString()).toBe(archiveOf(chart, version).toString());
    names.push(`${chart} ${version}`);
  }
  return names.toSorted();
}

/** How many requests it takes to describe and fetch everything, counted over all hosts. */
export async function requestsToFetch(internet: Internet, { settings }: Configured, listing: Listing): Promise<number> {
  const [count] = await requestsOf(internet, () => fetchAll(settings.upstream, listing));
  return count;
}

/** How many requests some work makes, to all hosts together. */
export async function requestsOf<T>(
  internet: Internet,
  work: () => Promise<T>,
): Promise<readonly [count: number, result: T]> {
  internet.forget();
  const result = await work();
  return [internet.requests.length, result];
}

/** What listings cost in requests to all hosts: the first, one that changes nothing, and one after something was pushed. */
export async function requestsToList(internet: Internet, opened: Configured, push: () => void): Promise<object> {
  const [cold, listing] = await requestsOf(internet, () => listed(opened));
  const [unchanged, same] = await requestsOf(internet, () => isUnchanged(opened.settings.upstream, listing));
  push();
  const [changed, other] = await requestsOf(internet, () => isUnchanged(opened.settings.upstream, listing));
  expect([same, other]).toEqual([true, false]);
  return { versions: namesIn(listing).length, cold, unchanged, changed };
}

/** The hosts that were told a secret, in any part of a request, as it is or in base64. */
export function hostsTold(internet: Internet, secret: string): readonly string[] {
  const base64 = Buffer.from(secret).toString('base64').replace(/=+$/, '');
  const forms = [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret), base64];
  const basics = (text: string): string =>
    text.replaceAll(/Basic ([\w+/=]+)/g, (_, encoded: string) => Buffer.from(encoded, 'base64').toString());
  const told = internet.requests.filter(({ target, headers, body }) => {
    const text = basics(JSON.stringify([target, headers, body]));
    return forms.some((form) => text.includes(form));
  });
  return [...new Set(told.map(({ host }) => host))].toSorted();
}
