import { Fault } from '../../src/chart/fault.ts';
import type { ChartRef } from '../../src/mirror/contract/doors.ts';
import type { Explainer, ExplainQuery, Explanation } from '../../src/mirror/contract/explain.ts';
import type {
  ChartPage,
  ChartQuery,
  ChartSummary,
  Library,
  RepositoryInfo,
  VersionDetails,
  VersionSummary,
} from '../../src/mirror/contract/library.ts';

/** Charts that are put into it; the same in every repository. What it was asked is remembered. */
export class FakeLibrary implements Library, Explainer {
  list: readonly RepositoryInfo[] = [repositoryInfo('all', { root: true })];
  summaries: readonly ChartSummary[] = [];
  details: readonly VersionDetails[] = [];
  /** Thrown by whatever is asked, when set. */
  trouble: Error | undefined;
  readonly queries: ChartQuery[] = [];
  readonly versionsAsked: ChartRef[] = [];
  readonly explained: ExplainQuery[] = [];

  repositories(): readonly RepositoryInfo[] {
    return this.list;
  }

  charts(repository: string, query: ChartQuery): ChartPage {
    this.#enter(repository);
    this.queries.push(query);
    const found = this.summaries.filter(({ name }) => name.includes(query.search));
    return { total: found.length, charts: found.slice(query.offset, query.offset + query.limit) };
  }

  async versions(repository: string, chart: string): Promise<readonly VersionSummary[]> {
    this.#enter(repository);
    const found = this.details.filter((one) => one.chart === chart);
    if (found.length === 0) throw new Fault('not-found', `${chart} is not offered.`, 'Look into the index.');
    return found.map(({ version, created, deprecated, withdrawn, digest, upstream }) => ({
      version,
      created,
      deprecated,
      withdrawn,
      digest,
      upstream,
    }));
  }

  async version(ref: ChartRef): Promise<VersionDetails> {
    this.#enter(ref.repository);
    this.versionsAsked.push(ref);
    const found = this.details.find(({ chart, version }) => chart === ref.chart && version === ref.version);
    if (!found) throw new Fault('not-found', `Nobody has ${ref.chart} ${ref.version}.`, 'Look into the index.');
    return found;
  }

  async explain(query: ExplainQuery): Promise<Explanation> {
    if (this.trouble) throw this.trouble;
    this.explained.push(query);
    const { chart, version } = query;
    return { chart, version, upstreams: [], repositories: [], nearest: [] };
  }

  #enter(repository: string): void {
    if (this.trouble) throw this.trouble;
    if (this.list.some(({ name }) => name === repository)) return;
    throw new Fault('not-found', 'There is no repository of this name.', 'GET / names those there are.');
  }
}

/** A repository as the library shows it. */
export function repositoryInfo(name: string, more: Partial<RepositoryInfo> = {}): RepositoryInfo {
  return { name, root: false, upstreams: ['podinfo'], charts: 1, versions: 2, etag: 'ab'.repeat(32), ...more };
}

/** A chart in a list. */
export function chartSummary(name: string): ChartSummary {
  return { name, version: '1.0.0', keywords: [], maintainers: [], deprecated: false, versions: 1, upstream: 'podinfo' };
}

/** A version with little to say. */
export function versionDetails(chart: string, version: string, more: Partial<VersionDetails> = {}): VersionDetails {
  return {
    chart,
    version,
    deprecated: false,
    withdrawn: false,
    upstream: 'podinfo',
    metadata: { apiVersion: 'v2', name: chart, version },
    dependencies: [],
    firstSeen: '2026-01-01T00:00:00Z',
    provenance: { result: 'unchecked' },
    documents: { readme: `# ${chart}`, tooLarge: [] },
    ...more,
  };
}
