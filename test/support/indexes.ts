import { Catalog, claimTable } from '../../src/chart/catalog.ts';
import type { KnownClaim } from '../../src/chart/claim.ts';
import type { reconcile } from '../../src/chart/reconcile.ts';
import { readIndex, type IndexContents, type PieceMemory } from '../../src/formats/index.ts';
import { TableReader, type SharedTable } from '../../src/lib/shared-table.ts';

/** Reads a whole index as the upstream `nexus` would have sent it. */
export function readText(text: string | Uint8Array, pieces?: PieceMemory, known?: SharedTable): IndexContents {
  const body = typeof text === 'string' ? Buffer.from(text) : text;
  return readIndex({ upstream: 'nexus', body, gzip: false, maxBytes: 64 * 1024 * 1024, known }, pieces);
}

/** The catalog that a reconciliation made; it must not have been refused. */
export function catalogOf(reconciled: ReturnType<typeof reconcile>): SharedTable {
  if ('catalog' in reconciled) return reconciled.catalog;
  throw new Error(`refused: ${reconciled.listed} of ${reconciled.known}`);
}

/** The catalog that a first listing of these claims leads to. */
export function catalogAfter(claims: SharedTable): SharedTable {
  return claimTable(claimsOf(claims).map((claim) => ({ ...claim, since: '2024-01-01T00:00:00Z' })));
}

/** Every claim of a table, in its order. */
export function claimsOf(table: SharedTable): KnownClaim[] {
  return [...new Catalog(table).all()].flatMap(({ claims }) => claims);
}

/** The bytes of a table, to compare. */
export function textOf(table: SharedTable): string {
  return Buffer.concat([...new TableReader(table).text()]).toString();
}

/** Claims as short words: `nginx 1.0.0`. */
export function wordsOf(claims: readonly { readonly chart: string; readonly version: string }[]): string[] {
  return claims.map(({ chart, version }) => `${chart} ${version}`);
}

/** One row as block-style YAML under its chart name, with further lines at the row's own indentation. */
export function rowYaml(chart: string, version: string, ...more: readonly string[]): string {
  const lines = [`name: ${chart}`, `version: ${version}`, `urls: [${chart}.tgz]`, ...more];
  return `  - ${lines.join('\n    ')}\n`;
}

/** An index with one chart `nginx` and one row, with further lines at the row's own indentation. */
export function oneRow(...more: readonly string[]): string {
  return `apiVersion: v1\nentries:\n  nginx:\n${rowYaml('nginx', '1.0.0', ...more)}`;
}
