import { gunzipSync, gzipSync } from 'node:zlib';

import { Catalog, decodeClaim, type KnownClaim } from '../chart/catalog.ts';
import { digestOf, type Digest } from '../chart/digest.ts';
import { mergeHoldings, type KeptVersion } from '../chart/holding.ts';
import { nameFilter } from '../chart/names.ts';
import { admitClaims, describeClaims, reconcile, type Changes, type Reconciliation } from '../chart/reconcile.ts';
import { countContested, selectOwners } from '../chart/select.ts';
import { survey, type MirrorPolicy, type Survey } from '../chart/survey.ts';
import { renderIndex, type RenderedIndex } from '../formats/index-rendering.ts';
import { tableOf, TableReader, type SharedTable } from '../lib/shared-table.ts';
import type { Thread } from '../lib/thread.ts';

/** A table and the digest of its text, which names it in the store. */
export interface NamedTable {
  readonly table: SharedTable;
  readonly digest: Digest;
}

function named(table: SharedTable): NamedTable {
  return { table, digest: digestOf(Buffer.from(table.text)) };
}

/** What the last listing had: every claim that it did not lack. */
function lastListed(known: SharedTable): SharedTable {
  const rows = new TableReader(known);
  const lines = Array.from({ length: rows.size }, (_, at) => rows.line(at));
  return tableOf(lines.filter((line) => !decodeClaim(line).missing).map((line) => `${line.toString('utf8')}\n`));
}

/** What is held, but in no snapshot yet. */
interface Uncommitted {
  readonly fresh: readonly KeptVersion[];
}

interface RenderInput {
  readonly members: readonly {
    readonly catalog: SharedTable;
    readonly snapshot: SharedTable;
    /** As `nameFilter` reads them. */
    readonly charts: readonly string[];
  }[];
}

interface RenderedRepository extends RenderedIndex {
  readonly owners: readonly (readonly [chart: string, member: number])[];
  readonly contested: readonly number[];
}

/** The mirror's work that must not be done on the main thread. Pure functions; a worker serves them. */
export const mirrorJobs = {
  reconcile({ fresh, ...input }: Reconciliation & Uncommitted): NamedTable & { readonly changes: Changes } {
    const held = fresh.length > 0 ? mergeHoldings(input.held, fresh) : input.held;
    const { catalog, ...changes } = reconcile({ ...input, held });
    return { ...named(catalog), changes };
  },
  /** The same listing once more: what it lacked is absent once more. */
  repeat(input: Omit<Reconciliation, 'listed'> & Uncommitted): NamedTable & { readonly changes: Changes } {
    return mirrorJobs.reconcile({ ...input, listed: lastListed(input.known) });
  },
  describe(input: { readonly known: SharedTable; readonly described: readonly KnownClaim[] }): NamedTable {
    return named(describeClaims(input.known, input.described));
  },
  admit(input: { readonly known: SharedTable; readonly found: readonly KnownClaim[] }): NamedTable {
    return named(admitClaims(input.known, input.found));
  },
  hold(input: { readonly snapshot: SharedTable; readonly fresh: readonly KeptVersion[] }): NamedTable {
    return named(mergeHoldings(input.snapshot, input.fresh));
  },
  survey(input: {
    readonly catalog: SharedTable;
    readonly snapshot: SharedTable;
    readonly policy: MirrorPolicy;
  }): Survey {
    return survey(input.catalog, input.snapshot, input.policy);
  },
  /** Decides who provides which chart, and renders what they provide. */
  render({ members }: RenderInput): RenderedRepository {
    const selectable = members.map(({ catalog, charts }) => ({
      catalog: new Catalog(catalog),
      offers: nameFilter(charts),
    }));
    const owners = selectOwners(selectable);
    const contested = countContested(selectable, owners);
    return { ...renderIndex({ members, owners: [...owners] }), owners: [...owners], contested };
  },
  pack(table: SharedTable): Uint8Array {
    return gzipSync(Buffer.from(table.text), { level: 1 });
  },
  unpack(packed: Uint8Array): NamedTable {
    return named(tableOf([gunzipSync(packed)]));
  },
};

/** Runs the mirror's jobs, on a thread or, in tests, at once. */
export type MirrorJobs = Pick<Thread<typeof mirrorJobs>, 'run'>;
