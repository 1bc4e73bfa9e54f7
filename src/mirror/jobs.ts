import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';

import { Catalog } from '../chart/catalog.ts';
import { decodeClaim, listedLength, type KnownClaim } from '../chart/claim.ts';
import type { Digest } from '../chart/digest.ts';
import { mergeHoldings, Snapshot, type KeptVersion } from '../chart/holding.ts';
import { Offering, type OfferRules } from '../chart/offering.ts';
import {
  admitClaims,
  describeClaims,
  reconcile,
  type Changes,
  type Reconciliation,
  type Shrunken,
  type VersionName,
} from '../chart/reconcile.ts';
import { dueForCheck } from '../chart/rounds.ts';
import { survey, type Survey, type SurveyTerms } from '../chart/survey.ts';
import type { RenderingMemory } from '../formats/index-memory.ts';
import { renderRepository, type RenderedRepository, type RepositoryParts } from '../formats/index-rendering.ts';
import { gzipPieces } from '../lib/gzip.ts';
import { tableOf, TableReader, type SharedTable } from '../lib/shared-table.ts';
import { TableBuilder } from '../lib/table-builder.ts';
import type { Thread } from '../lib/thread.ts';
import type { PlannedRepository } from './contract/plan.ts';
import { compareConfigurations, type Comparing } from './offering/compare.ts';

/** A table and the digest of its text, which names it in the store. */
export interface NamedTable {
  readonly table: SharedTable;
  readonly digest: Digest;
}

function named(table: SharedTable): NamedTable {
  const hash = createHash('sha256');
  for (const text of new TableReader(table).text()) hash.update(text);
  return { table, digest: `sha256:${hash.digest('hex')}` };
}

/** What the last listing had: every claim that it did not lack, but what was found by name. */
function lastListed(known: SharedTable): SharedTable {
  const rows = new TableReader(known);
  const listed = new TableBuilder();
  for (let at = 0; at < rows.size; at += 1) {
    const line = rows.line(at);
    const length = listedLength(line);
    const { missing, named: byName } = length === undefined ? decodeClaim(line) : {};
    if (!missing && !byName) listed.share(rows, at, length);
  }
  return listed.finish();
}

/** What is held, but in no snapshot yet. */
interface Uncommitted {
  readonly fresh: readonly KeptVersion[];
}

/** One upstream as it crosses to a thread. */
interface Member {
  readonly catalog: SharedTable;
  readonly snapshot: SharedTable;
  readonly rules: OfferRules;
}

function offeringOf({ catalog, snapshot, rules }: Member): Offering {
  return new Offering(new Catalog(catalog), new Snapshot(snapshot), rules);
}

interface ReconciledTable extends NamedTable {
  readonly changes: Changes;
  readonly replaced: readonly VersionName[];
}

/** The mirror's work that must not be done on the main thread. Pure functions; a worker serves them. */
export const mirrorJobs = {
  reconcile({ fresh, ...input }: Reconciliation & Uncommitted): ReconciledTable | Shrunken {
    const held = fresh.length > 0 ? mergeHoldings(input.held, fresh) : input.held;
    const reconciled = reconcile({ ...input, held });
    if ('known' in reconciled) return reconciled;
    const { catalog, replaced, ...changes } = reconciled;
    return { ...named(catalog), replaced, changes };
  },
  /** The same listing once more: what it lacked is absent once more. */
  repeat(input: Omit<Reconciliation, 'listed'> & Uncommitted): ReconciledTable | Shrunken {
    return mirrorJobs.reconcile({ ...input, listed: lastListed(input.known) });
  },
  describe(input: {
    readonly known: SharedTable;
    readonly described: readonly KnownClaim[];
    readonly held: SharedTable;
    readonly fresh: readonly KeptVersion[];
  }): NamedTable {
    return named(describeClaims(input.known, input.described, mergeHoldings(input.held, input.fresh)));
  },
  admit(input: { readonly known: SharedTable; readonly found: readonly KnownClaim[] }): NamedTable {
    return named(admitClaims(input.known, input.found));
  },
  hold(input: { readonly snapshot: SharedTable; readonly fresh: readonly KeptVersion[] }): NamedTable {
    return named(mergeHoldings(input.snapshot, input.fresh));
  },
  survey({ policy, nowMs, ...member }: Member & SurveyTerms): Survey {
    return survey(offeringOf(member), { policy, nowMs });
  },
  /** Described versions whose turn it is to be looked at again. */
  dueForCheck(input: {
    readonly catalog: SharedTable;
    readonly fromMs: number;
    readonly toMs: number;
  }): SharedArrayBuffer {
    return dueForCheck(new Catalog(input.catalog), input.fromMs, input.toMs);
  },
  /** Decides who provides which chart, and renders what they provide: what `memory` does not have already. */
  render(input: RepositoryParts, memory?: RenderingMemory): RenderedRepository {
    return renderRepository(input, memory);
  },
  /** What another configuration would change of what is offered. */
  compare(input: Comparing): readonly PlannedRepository[] {
    return compareConfigurations(input);
  },
  pack(table: SharedTable): Uint8Array {
    return gzipPieces(new TableReader(table).text(), 1);
  },
  unpack(packed: Uint8Array): NamedTable {
    return named(tableOf([gunzipSync(packed)]));
  },
};

/** Runs the mirror's jobs, on a thread or, in tests, at once. */
export type MirrorJobs = Pick<Thread<typeof mirrorJobs>, 'run'>;
