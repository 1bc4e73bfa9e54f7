import type { Digest } from '../../chart/digest.ts';
import type { ChartDocuments } from '../../formats/chart-documents.ts';
import type { ChartRef } from './doors.ts';
import type { FaultReport, ProvenanceReport } from './operator.ts';

/** A repository as its users see it. */
export interface RepositoryInfo {
  readonly name: string;
  readonly root: boolean;
  /** Names of its upstreams in order. */
  readonly upstreams: readonly string[];
  /** What its lists show. */
  readonly charts: number;
  readonly versions: number;
  /** Of the index: changes whenever its bytes do. Absent while there is none yet. */
  readonly etag?: string | undefined;
}

export interface Maintainer {
  readonly name?: string | undefined;
  readonly email?: string | undefined;
  readonly url?: string | undefined;
}

/** A chart in a list, by its latest version: the newest that is no prerelease, where there is one. */
export interface ChartSummary {
  readonly name: string;
  readonly version: string;
  readonly appVersion?: string | undefined;
  readonly description?: string | undefined;
  readonly keywords: readonly string[];
  readonly maintainers: readonly Maintainer[];
  readonly home?: string | undefined;
  readonly icon?: string | undefined;
  readonly type?: string | undefined;
  readonly deprecated: boolean;
  /** The `created` of that version: RFC 3339. */
  readonly updated?: string | undefined;
  /** How many versions are listed. */
  readonly versions: number;
  /** Who provides that version. */
  readonly upstream: string;
}

/** Some of the charts of a repository. */
export interface ChartPage {
  /** How many there are in all. */
  readonly total: number;
  readonly charts: readonly ChartSummary[];
}

/** A version in a list. */
export interface VersionSummary {
  readonly version: string;
  readonly appVersion?: string | undefined;
  readonly created?: string | undefined;
  readonly deprecated: boolean;
  readonly withdrawn: boolean;
  /** Of the archive: what is held, else what is claimed when that is one. */
  readonly digest?: Digest | undefined;
  readonly upstream: string;
}

/** A chart that a version needs, by its Chart.yaml. */
export interface DependencyInfo {
  readonly name: string;
  /** A range. */
  readonly version?: string | undefined;
  /** As its author wrote it. */
  readonly repository?: string | undefined;
  readonly alias?: string | undefined;
  readonly condition?: string | undefined;
  /** The newest version in the range that the same repository offers; absent when there is none. */
  readonly available?: { readonly version: string; readonly upstream: string } | undefined;
}

/** One version with everything that is known of it. */
export interface VersionDetails extends VersionSummary {
  readonly chart: string;
  /** The fields of Chart.yaml that Helm knows. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly dependencies: readonly DependencyInfo[];
  /** When we first saw it: RFC 3339. */
  readonly firstSeen: string;
  /** Bytes of the archive; absent while it is not held. */
  readonly size?: number | undefined;
  readonly provenance: ProvenanceReport;
  /** Why the documents could not be had, instead of them. */
  readonly documents: ChartDocuments | { readonly fault: FaultReport };
}

/** Which charts of a repository to list. */
export interface ChartQuery {
  /** Words that name, keywords or description must have; the best first. Empty: all of them by name. */
  readonly search: string;
  readonly offset: number;
  readonly limit: number;
}

/** What people and pages ask about charts. Throws and rejects with 'not-found' for a repository or chart that we do not offer. */
export interface Library {
  repositories(): readonly RepositoryInfo[];
  /** A promise only while what is searched is being prepared. */
  charts(repository: string, query: ChartQuery): ChartPage | Promise<ChartPage>;
  /** Newest first, as the index lists them. */
  versions(repository: string, chart: string): Promise<readonly VersionSummary[]>;
  /** Looks into the archive, which is fetched first when it is not held. Rejects as `Mirror.resolve` does for what is not offered. */
  version(ref: ChartRef): Promise<VersionDetails>;
}
