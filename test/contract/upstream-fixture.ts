import { expect } from 'vitest';

import { Catalog, type ChartVersion } from '../../src/chart/catalog.ts';
import type { Claim, SourceRef } from '../../src/chart/claim.ts';
import { Fault } from '../../src/chart/fault.ts';
import { readAll } from '../../src/lib/bytes.ts';
import type { Allowance, Listing, Part, Upstream } from '../../src/upstream/contract.ts';
import { chartArchive } from '../support/charts.ts';

/** A chart version as an upstream of a fixture offers it. */
export interface OfferedChart {
  readonly name: string;
  readonly version: string;
  readonly archive: Buffer;
  readonly provenance?: Buffer;
}

/** An upstream under test with what stands behind it. Ends with the test that opened it. */
export interface OpenedUpstream {
  readonly upstream: Upstream;
  /** From now on exactly these charts are offered. */
  offer(charts: readonly OfferedChart[]): Promise<void>;
  /** From now on nothing behind it answers, or only with failures. */
  fail(): Promise<void>;
  /** From now on a part of what a listing is made of fails while another still answers. Left out where it has no parts. */
  failPartly?(): Promise<void>;
  /** From now on it says the same in other words. Left out where there are no others. */
  reword?(): Promise<void>;
  /** From now on its answers say what is left of a rate limit. Left out where there is none. */
  ration?(allowance: Allowance): Promise<void>;
  /** From now on every answer is waited for without end. Left out where nothing is waited for. Resolves `arrived` per question. */
  hang?(): Promise<{ readonly arrived: Promise<void> }>;
}

/** An allowance as Docker Hub writes it. */
export function rationHeaders({ remaining, limit, windowMs }: Allowance): Readonly<Record<string, string>> {
  const window = `w=${windowMs / 1000}`;
  return { 'ratelimit-limit': `${limit};${window}`, 'ratelimit-remaining': `${remaining};${window}` };
}

/** Makes an upstream named `fixture` that offers these charts. */
export type UpstreamFixture = (charts: readonly OfferedChart[]) => Promise<OpenedUpstream>;

/** A signal that never aborts. */
export const never = new AbortController().signal;
/** Of those charts that have one. */
export const provenance = Buffer.from('-----BEGIN PGP SIGNED MESSAGE-----\nnot a real one\n');

/** A chart version with an archive of its own. */
export async function offered(name: string, version: string, prov?: Buffer): Promise<OfferedChart> {
  return { name, version, archive: await chartArchive({ name, version }), ...(prov && { provenance: prov }) };
}

/** Enough to be in order, or not. */
export async function threeCharts(): Promise<readonly OfferedChart[]> {
  return [
    await offered('nginx', '1.0.0', provenance),
    await offered('nginx', '1.10.0'),
    await offered('nginx', '1.2.0-rc.1'),
    await offered('loki', '0.3.0+build.7'),
  ];
}

/** A listing that must be one. */
export async function listed(upstream: Upstream): Promise<Listing> {
  const listing = await upstream.list(undefined, never);
  if ('unchanged' in listing) throw new Error('unchanged without a validator');
  return listing;
}

/** What a listing holds, in its order. */
export function rowsOf(listing: Listing): ChartVersion[] {
  return [...new Catalog(listing.claims).all()];
}

/** The same in words. */
export function namesOf(listing: Listing): string[] {
  return rowsOf(listing).map(({ chart, version }) => `${chart} ${version}`);
}

/** What an upstream opens, read to its end. */
export async function bytesOf(upstream: Upstream, source: SourceRef, part: Part): Promise<Buffer | undefined> {
  const incoming = await upstream.open(source, part, never);
  return incoming && (await readAll(incoming.body, 1e7));
}

/** What a claim says once everything is asked: registries say most of it only when a claim is described. */
export async function described(upstream: Upstream, claim: Claim): Promise<Claim> {
  if (claim.metadata !== undefined) return claim;
  return (await upstream.describe(claim.source, never))?.claim ?? claim;
}

/** The fault that some work must end in. */
export async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const outcome: unknown = await work.then(
    (value) => value,
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(Fault);
  return outcome as Fault;
}

/** One sentence of the contract, with a check that throws when it is broken. */
export interface Promised {
  readonly title: string;
  readonly check: (fixture: UpstreamFixture) => Promise<void>;
}
