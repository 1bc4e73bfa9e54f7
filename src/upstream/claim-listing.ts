import { createHash } from 'node:crypto';

import { sortClaims } from '../chart/catalog.ts';
import { encodeClaim, type Claim, type Validator } from '../chart/claim.ts';
import { compareText } from '../chart/version.ts';
import { inPieces } from '../lib/at-once.ts';
import type { SharedTable } from '../lib/shared-table.ts';
import { TableBuilder } from '../lib/table-builder.ts';
import type { Listing, Unchanged } from './contract.ts';

/**
 * The listing of claims that were found one by one, or that it says what the validator is of: the same claims, and as
 * many dropped for the same reasons. However many there are, the main thread is left to others in between.
 */
export async function listingOf(
  { claims, rejected, examples }: Pick<Listing, 'rejected' | 'examples'> & { readonly claims: readonly Claim[] },
  validator: Validator | undefined,
): Promise<Listing | Unchanged> {
  const lines = await linesOf(claims);
  const hash = createHash('sha256').update(JSON.stringify(rejected));
  await inPieces(lines, (line) => hash.update(line));
  const rows = `sha256:${hash.digest('hex')}` as const;
  if (validator?.rows === rows) return { unchanged: true, validator: { rows } };
  return { claims: await tableOf(lines), validator: { rows }, rejected, examples };
}

/** What `claimTable` makes of claims, with the main thread left to others in between. */
export async function claimTableInPieces(claims: readonly Claim[]): Promise<SharedTable> {
  return await tableOf(await linesOf(claims));
}

async function linesOf(claims: readonly Claim[]): Promise<readonly string[]> {
  const lines: string[] = [];
  const charts = Map.groupBy(claims, ({ chart }) => chart);
  for (const chart of [...charts.keys()].toSorted(compareText)) {
    await inPieces(sortClaims(charts.get(chart) ?? []), (claim) => lines.push(encodeClaim(claim)));
  }
  return lines;
}

async function tableOf(lines: readonly string[]): Promise<SharedTable> {
  const table = new TableBuilder();
  await inPieces(lines, (line) => table.add(line));
  return table.finish();
}
