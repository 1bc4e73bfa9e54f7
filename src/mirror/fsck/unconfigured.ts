import type { Catalog } from '../../chart/catalog.ts';
import type { Digest } from '../../chart/digest.ts';
import type { Unconfigured } from '../contract/commands.ts';
import type { Needs } from './needs.ts';
import { versionOf } from './records.ts';

export interface UnconfiguredParts {
  /** Of every upstream, configured or not. */
  readonly needs: Pick<Needs, 'all'>;
  /** How large each of the documents is that were made of an archive. */
  readonly derived: ReadonlyMap<Digest, readonly number[]>;
  /** The catalog of an upstream; undefined when it has none that can be read. */
  readonly catalogOf: (upstream: string) => Promise<Catalog | undefined>;
}

/** Counts what is kept of upstreams that nobody configures. What two of them share counts for the first. */
export async function countUnconfigured(
  upstreams: readonly string[],
  parts: UnconfiguredParts,
): Promise<readonly Unconfigured[]> {
  const shares = new Map(upstreams.map((name) => [name, new Share()]));
  for (const needs of parts.needs.all()) {
    for (const need of needs) if (need.part === 'archive') shares.get(need.upstream)?.hold(need);
    const [first] = needs;
    if (!first || needs.some(({ upstream }) => !shares.has(upstream))) continue;
    shares.get(first.upstream)?.free(first.descriptor.size, parts.derived.get(first.descriptor.digest));
  }
  const counted: Unconfigured[] = [];
  for (const [upstream, share] of shares) {
    const catalog = await parts.catalogOf(upstream);
    counted.push({ upstream, ...share.counts(), ...(catalog && countListed(catalog)) });
  }
  return counted;
}

/** What one upstream has alone, or before others. */
class Share {
  readonly #charts = new Set<string>();
  readonly #versions = new Set<string>();
  #archives = 0;
  #documents = 0;
  #bytes = 0;

  hold(one: { readonly chart: string; readonly version: string }): void {
    this.#charts.add(one.chart);
    this.#versions.add(versionOf(one));
    this.#archives += 1;
  }

  free(bytes: number, documents: readonly number[] = []): void {
    this.#documents += documents.length;
    this.#bytes += documents.reduce((sum, size) => sum + size, bytes);
  }

  counts(): Omit<Unconfigured, 'upstream'> {
    const held = { charts: this.#charts.size, versions: this.#versions.size, archives: this.#archives };
    return { ...held, documents: this.#documents, bytes: this.#bytes };
  }
}

/** Tags that were found to be no charts are no versions. */
function countListed(catalog: Catalog): Pick<Unconfigured, 'charts' | 'versions'> {
  const charts = new Set<string>();
  let versions = 0;
  for (const { chart, claims } of catalog.all()) {
    if (claims.every(({ refused }) => refused !== undefined)) continue;
    charts.add(chart);
    versions += 1;
  }
  return { charts: charts.size, versions };
}
