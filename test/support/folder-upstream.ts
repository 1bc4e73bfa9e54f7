import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { Catalog } from '../../src/chart/catalog.ts';
import { Fault } from '../../src/chart/fault.ts';
import { describeArchive } from '../../src/formats/chart-archive.ts';
import type { Listing, Upstream } from '../../src/upstream/contract.ts';
import { folder, type FolderOptions } from '../../src/upstream/folder/folder.ts';
import { chartArchive } from './charts.ts';
import { ManualClock } from './clock.ts';
import { temporaryFolder } from './temp.ts';

export const never = new AbortController().signal;
export const nginx = await chartArchive({ name: 'nginx', version: '1.0.0' });
export const redis = await chartArchive({ name: 'redis', version: '2.0.0' });
const longAgo = new Date('2026-01-01T00:00:00Z');

/** A folder under test. Its files are old unless a test says otherwise, so that what was read counts for good. */
export async function openFolder(more: Partial<FolderOptions> = {}) {
  const path = await temporaryFolder();
  const clock = new ManualClock(Date.parse('2026-06-01T00:00:00Z'));
  const inspected: number[] = [];
  const inspect = async (bytes: Uint8Array) => {
    inspected.push(bytes.length);
    return describeArchive(bytes);
  };
  const options: FolderOptions = { name: 'fixture', path, maxArchiveBytes: 1e6, inspect, clock, ...more };
  const put = async (file: string, bytes: Uint8Array | string, modified = longAgo) => {
    await mkdir(dirname(join(path, file)), { recursive: true });
    await writeFile(join(path, file), bytes);
    await utimes(join(path, file), modified, modified);
  };
  return { path, clock, inspected, put, options, upstream: folder(options) };
}

/** A listing asked for without a validator. */
export async function listed(upstream: Upstream): Promise<Listing> {
  const listing = await upstream.list(undefined, never);
  if ('unchanged' in listing) throw new Error('unchanged without a validator');
  return listing;
}

/** Where the claims of a listing are, in its order. */
export function sourcesOf(listing: Listing): string[] {
  return [...new Catalog(listing.claims).all()].flatMap(({ claims }) => claims.map((claim) => claim.source));
}

/** The fault some work ends with. */
export async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const outcome = await work.catch((error: unknown) => error);
  if (outcome instanceof Fault) return outcome;
  throw new Error(`no fault but ${String(outcome)}`);
}
