import { setImmediate as breathe } from 'node:timers/promises';

import { firstSightOf, isWithdrawn, type ChartVersion } from '../../chart/catalog.ts';
import { helmConstraint } from '../../chart/constraint.ts';
import { Fault } from '../../chart/fault.ts';
import type { Holding } from '../../chart/holding.ts';
import type { Listed, Selection } from '../../chart/select.ts';
import { speakingClaim } from '../../chart/survey.ts';
import type { ChartDocuments } from '../../formats/chart-documents.ts';
import { offeredDigest } from '../../formats/index-blocks.ts';
import { inPieces } from '../../lib/at-once.ts';
import type { ChartRef, Mirror } from '../contract/doors.ts';
import type {
  ChartPage,
  ChartQuery,
  DependencyInfo,
  Library,
  RepositoryInfo,
  VersionDetails,
  VersionSummary,
} from '../contract/library.ts';
import type { FaultReport, ProvenanceReport } from '../contract/operator.ts';
import type { Engine } from '../engine.ts';
import { notListed } from '../offering/refusals.ts';
import type { Offer } from '../offering/served.ts';
import { faultReport, provenanceReport } from '../status.ts';
import type { Documents } from './documents.ts';
import { memberOf, unheard } from './rulings.ts';
import { ChartSearch, summaryAt } from './search.ts';

export interface LibraryParts {
  readonly engine: Engine;
  readonly mirror: Pick<Mirror, 'resolve'>;
  readonly documents: Pick<Documents, 'of'>;
}

/** What is offered, as people and pages read it: from the shelves that were made with the indexes, and from archives. */
export class EngineLibrary implements Library {
  readonly #parts: LibraryParts;
  readonly #search: ChartSearch;

  constructor(parts: LibraryParts) {
    this.#parts = parts;
    this.#search = new ChartSearch(parts.engine.clock);
  }

  repositories(): readonly RepositoryInfo[] {
    return this.#parts.engine.repositories.all.map((served) => {
      const { name, root, upstreams } = served.settings;
      const { built } = served;
      const { charts, versions } = built ? served.offer.counts : { charts: 0, versions: 0 };
      return { name, root, upstreams, charts, versions, etag: built?.etag };
    });
  }

  charts(repository: string, query: ChartQuery): ChartPage | Promise<ChartPage> {
    const { search, offset, limit } = query;
    const { shelf } = this.#listed(repository);
    if (search.trim() === '') {
      const shown = Math.max(0, Math.min(limit, shelf.size - offset));
      return { total: shelf.size, charts: Array.from({ length: shown }, (_, at) => summaryAt(shelf, offset + at)) };
    }
    const preparing = this.#search.prepare(repository, shelf);
    if (preparing) return preparing.then(() => this.charts(repository, query));
    const found = this.#search.find(repository, shelf, search);
    return {
      total: found.length,
      charts: found.slice(offset, offset + limit).map((line) => summaryAt(shelf, line)),
    };
  }

  async versions(repository: string, chart: string): Promise<readonly VersionSummary[]> {
    const offer = this.#listed(repository);
    const { selection, members } = offer;
    const versions: VersionSummary[] = [];
    // there may be thousands, and each is read from its text
    await inPieces(selection.listed(chart), (one) => versions.push(summaryOf(one, members)));
    if (versions.length > 0) return versions;
    throw notListed(repository, chart, unheard(offer, chart));
  }

  async version(ref: ChartRef): Promise<VersionDetails> {
    const holding = await this.#hold(ref);
    const documents = holding instanceof Fault ? { fault: faultReport(holding) } : await this.#documents(ref, holding);
    const held = holding instanceof Fault ? undefined : holding;
    const { offer, listed } = await this.#permitted(ref, held);
    const metadata = JSON.parse(listed.claim.metadata ?? '{}') as VersionDetails['metadata'];
    return {
      chart: ref.chart,
      ...summaryOf(listed, offer.members),
      metadata,
      dependencies: await dependenciesIn(metadata, offer),
      firstSeen: firstSightOf(listed.version),
      size: held?.archive.size,
      provenance: provenanceOf(ref, listed, offer.members),
      documents,
    };
  }

  /** An empty list by accident is no better than an empty index. */
  #listed(repository: string): Offer {
    const served = this.#parts.engine.repositories.find(repository);
    return served.rendering && served.offer;
  }

  /** What is held of a version, or why what is listed cannot be had now. Rejects for what is not offered. */
  async #hold(ref: ChartRef): Promise<Holding | Fault> {
    try {
      const holding = await this.#parts.mirror.resolve(ref);
      // a registry's version is described while it is fetched
      if (!this.#find(ref, holding)) await this.#parts.engine.commit();
      return holding;
    } catch (error) {
      const found = this.#find(ref, undefined);
      // rules that could not be applied yet are not passed by
      if (!(error instanceof Fault) || !found || found.provisional) throw error;
      return error;
    }
  }

  async #documents(ref: ChartRef, { archive }: Holding): Promise<ChartDocuments | { readonly fault: FaultReport }> {
    try {
      return await this.#parts.documents.of(ref.repository, archive);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return { fault: faultReport(error) };
    }
  }

  /** The rules may have changed while something was fetched: those of now decide. */
  async #permitted(ref: ChartRef, held: Holding | undefined): Promise<Found> {
    const found = this.#find(ref, held);
    const denied = held && found?.offer.selection.deniedDigest(ref.chart, held);
    if (found && !denied) return found;
    await this.#parts.mirror.resolve(ref);
    throw new Fault(
      'unavailable',
      `What is known of ${ref.chart} ${ref.version} is changing.`,
      'Try again in a few seconds.',
      { retryAfterMs: 2_000 },
    );
  }

  /** A version that is offered and described. */
  #find({ repository, chart, version }: ChartRef, held: Holding | undefined): Found | undefined {
    const { offer } = this.#parts.engine.repositories.find(repository);
    const decision = offer.selection.decide(chart, version);
    if (decision.outcome !== 'offered') return undefined;
    const kept = held ?? decision.held;
    const claim = speakingClaim(decision.version, kept);
    return claim && { offer, provisional: decision.provisional, listed: { ...decision, claim, held: kept } };
  }
}

interface Found {
  readonly offer: Offer;
  readonly listed: Listed;
  readonly provisional: boolean;
}

interface Fields {
  readonly appVersion?: string;
  readonly deprecated?: boolean;
}

function summaryOf({ member, version, claim, held }: Listed, members: Offer['members']): VersionSummary {
  const { appVersion, deprecated = false } = JSON.parse(claim.metadata ?? '{}') as Fields;
  return {
    version: version.version,
    appVersion,
    created: claim.created,
    deprecated,
    withdrawn: isWithdrawn(version),
    digest: offeredDigest(version, held),
    upstream: members[member]?.name ?? '',
  };
}

/** As far as it is known now: where it is reported only, that goes on behind. */
function provenanceOf({ chart, version }: ChartRef, { member }: Listed, members: Offer['members']): ProvenanceReport {
  const known = memberOf({ members }, member);
  return provenanceReport(known.offering, known.held(chart, version));
}

interface WrittenDependency {
  readonly name?: string;
  readonly version?: string;
  readonly repository?: string;
  readonly alias?: string;
  readonly condition?: string;
}

/** What a version needs, and where the same repository has it. */
async function dependenciesIn(metadata: VersionDetails['metadata'], offer: Offer): Promise<readonly DependencyInfo[]> {
  const written = (metadata['dependencies'] ?? []) as readonly WrittenDependency[];
  const found: DependencyInfo[] = [];
  for (const { name = '', version, repository, alias, condition } of written) {
    // a chart may need hundreds, each of which may have thousands of versions
    await breathe();
    const available = availableIn(offer, name, version ?? '');
    found.push({ name, version, repository, alias, condition, available });
  }
  return found;
}

function availableIn({ selection, members }: Offer, chart: string, range: string): DependencyInfo['available'] {
  const { version, member } = exactly(selection, chart, range) ?? newestIn(selection, chart, range) ?? {};
  const upstream = members[member ?? -1]?.name;
  return version && upstream !== undefined ? { version: version.version, upstream } : undefined;
}

interface Available {
  readonly version: ChartVersion;
  readonly member: number;
}

/** As Helm does: what is one version to the letter is that one, whatever build it names. */
function exactly(selection: Selection, chart: string, version: string): Available | undefined {
  const decision = selection.decide(chart, version);
  return decision.outcome === 'offered' ? decision : undefined;
}

function newestIn(selection: Selection, chart: string, range: string): Available | undefined {
  const matches = helmConstraint(range);
  if (!matches) return undefined;
  for (const offered of selection.offered(chart)) if (matches(offered.version.version)) return offered;
  return undefined;
}
