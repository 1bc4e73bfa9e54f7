import { createHash } from 'node:crypto';

import { Catalog } from '../chart/catalog.ts';
import { Snapshot } from '../chart/holding.ts';
import { Offering, type OfferRules } from '../chart/offering.ts';
import type { Selection } from '../chart/select.ts';
import { TableReader, type SharedTable } from '../lib/shared-table.ts';

/** Everything known of one upstream as it crosses to a thread. */
export interface UpstreamTables {
  readonly name: string;
  readonly catalog: SharedTable;
  readonly snapshot: SharedTable;
  /** Names both tables: of one upstream equal for equal tables. */
  readonly edition: string;
}

/** What there is of a chart in the tables of one upstream. */
interface ChartRows {
  readonly rows: number;
  /** Of the rows together. */
  readonly bytes: number;
  /** Names everything that is listed and held of it. */
  readonly digest: string;
}

/** The tables of one upstream, opened: what was worked out about a chart is not worked out again. */
export class UpstreamView {
  readonly edition: string;
  readonly catalog: Catalog;
  readonly snapshot: Snapshot;
  readonly #rows: TableReader;
  readonly #held: TableReader;
  readonly #charts = new Map<string, ChartRows>();

  constructor({ catalog, snapshot, edition }: UpstreamTables) {
    this.edition = edition;
    this.catalog = new Catalog(catalog);
    this.snapshot = new Snapshot(snapshot);
    this.#rows = new TableReader(catalog);
    this.#held = new TableReader(snapshot);
  }

  /** What there is of a chart. */
  rowsOf(chart: string): ChartRows {
    const known = this.#charts.get(chart);
    if (known) return known;
    const hash = createHash('sha256');
    const [first, end] = this.#rows.linesOf(chart) ?? [0, 0];
    let bytes = 0;
    for (const text of this.#rows.text(first, end)) {
      hash.update(text);
      bytes += text.length;
    }
    hash.update('\n');
    const held = this.#held.linesOf(chart);
    if (held) for (const text of this.#held.text(...held)) hash.update(text);
    const found = { rows: end - first, bytes, digest: hash.digest('base64') };
    this.#charts.set(chart, found);
    return found;
  }
}

/** One upstream of a repository, opened. */
export interface MemberView {
  readonly name: string;
  readonly offering: Offering;
  readonly view: UpstreamView;
  /** Names its rules, and whose they are. */
  readonly word: string;
}

/** A member with what is remembered of its tables. */
export function memberOf(name: string, view: UpstreamView, rules: OfferRules): MemberView {
  const offering = new Offering(view.catalog, view.snapshot, rules);
  return { name, offering, view, word: `${name} ${JSON.stringify(rules)}` };
}

/** What an index has of a chart, before that is rendered. */
export interface ChartInput {
  readonly chart: string;
  /** Names everything that it depends on, but the repository's rules and the time. */
  readonly word: string;
  /** About how large it will be. */
  readonly bytes: number;
}

/** The charts of a repository, in order. `selection` is of just these members. */
export function* inputsOf(members: readonly MemberView[], selection: Selection): IterableIterator<ChartInput> {
  const { listNewest = Infinity, cooldownMs } = selection.rules;
  for (const chart of selection.charts()) {
    let word = chart;
    let [rows, bytes] = [0, 0];
    for (const { view, word: whose } of providersOf(chart, members, selection)) {
      const found = view.rowsOf(chart);
      rows += found.rows;
      bytes += found.bytes;
      word += `\n${whose} ${found.digest} ${cooldownMs > 0 ? view.catalog.firstListing : ''}`;
    }
    yield { chart, word, bytes: bytes * Math.min(1, listNewest / rows) };
  }
}

function providersOf(chart: string, members: readonly MemberView[], selection: Selection): readonly MemberView[] {
  const owner = selection.ownerOf(chart);
  if (owner === 'by-version') return members.filter(({ offering }) => offering.mayName(chart));
  const only = owner === undefined ? undefined : members[owner];
  return only ? [only] : [];
}
