import type { Claim } from '../../chart/claim.ts';
import { readTime } from '../../formats/index-rows.ts';
import { versionOf } from '../../formats/oci-manifest.ts';
import type { DiscoveredTag } from '../discovery/discovery.ts';
import { shortened } from '../http/faults.ts';
import { chartOf } from './address.ts';
import { isAttachedTag } from './attached-tags.ts';
import { listedSource } from './source.ts';

/** What was read of one repository; `tags` is undefined when there is no such repository. */
export interface ListedRepository {
  readonly repository: string;
  readonly tags: readonly DiscoveredTag[] | undefined;
}

/**
 * The claims of a repository, one after the other: its tags that are strict SemVer, `_` read as `+`. Metadata only where the listing has the
 * whole Chart.yaml, and that is the one of this name and version; anything else is left to be described.
 */
export function* claimsOf({ repository, tags }: ListedRepository, rejected: Rejected): Iterable<Claim> {
  if (!tags) rejected.noRepository(repository);
  for (const tag of tags ?? []) {
    const version = versionOf(tag.tag);
    if (version === undefined) rejected.notSemver(repository, tag.tag);
    else yield claimOf(repository, version, tag);
  }
}

function claimOf(repository: string, version: string, { tag, digest, created, chart }: DiscoveredTag): Claim {
  const name = chartOf(repository);
  const claim = {
    chart: name,
    version,
    source: listedSource(repository, tag, digest),
    created: created === undefined ? undefined : readTime(created),
  };
  if (chart?.name !== name || chart.version !== version) return claim;
  return { ...claim, metadata: chart.metadata, extra: chart.extra, brief: true };
}

const maxExamples = 5;

/** What a listing had that is not offered, by reason, with the first few in words. */
export class Rejected {
  readonly counts: Record<string, number> = {};
  readonly examples: string[] = [];
  readonly #named: boolean;

  /** `named`: the configuration named the repositories, so one that is not there is worth a word. */
  constructor({ named }: { readonly named: boolean }) {
    this.#named = named;
  }

  noRepository(repository: string): void {
    if (this.#named) this.#add('no-such-chart', `the registry has no ${repository}`);
  }

  notSemver(repository: string, tag: string): void {
    if (!isAttachedTag(tag)) this.#add('not-semver', `${repository}:${shortened(tag, 80)} is not a version`);
  }

  sameName(repository: string, first: string): void {
    this.#add('same-name', `${repository} ends in the same name as ${first}, which comes first`);
  }

  #add(reason: string, example: string): void {
    this.counts[reason] = (this.counts[reason] ?? 0) + 1;
    if (this.examples.length < maxExamples) this.examples.push(example);
  }
}
