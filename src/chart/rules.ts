import type { Digest } from './digest.ts';
import { everyVersion, type VersionRules } from './ranges.ts';

/** What one repository offers of what its members list: plain data, which crosses to threads and into the store. */
export interface RepositoryRules {
  /** Whether the member that lists a name first provides all of its versions, or each version has a provider of its own. */
  readonly overlap: 'first' | 'merge';
  /** Names that one member alone may provide, by name or glob whatever their case: exact names first, then in order. */
  readonly owners: readonly (readonly [chart: string, upstream: string])[];
  /** Refused on every door. */
  readonly deny: readonly DenyRule[];
  /** Names and globs, as `nameFilter` reads them. */
  readonly charts: readonly string[];
  readonly versions: VersionRules;
  readonly prereleases: boolean;
  readonly deprecated: boolean;
  /** Lists show the newest so many of each chart; the others can be had by name. */
  readonly listNewest: number | undefined;
  /** A version is offered only once it has been known for so long. */
  readonly cooldownMs: number;
}

/** One entry of `deny`: a chart, and which of its versions where not all are meant. */
export interface DenyRule {
  /** As it stands in the configuration, for messages. */
  readonly text: string;
  /** A name or glob, whatever its case. */
  readonly chart: string;
  /** A range that `versionRange` reads. */
  readonly range?: string | undefined;
  /** Of the archive, or of a registry's manifest or config. */
  readonly digest?: Digest | undefined;
}

/** Everything is offered; who listed a name first provides it. */
export const noRules: RepositoryRules = {
  overlap: 'first',
  owners: [],
  deny: [],
  charts: ['*'],
  versions: everyVersion,
  prereleases: true,
  deprecated: true,
  listNewest: undefined,
  cooldownMs: 0,
};
