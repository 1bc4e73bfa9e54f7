import { everyVersion, type VersionRules } from '../chart/ranges.ts';
import { noRules, type RepositoryRules } from '../chart/rules.ts';
import type { RepositoryConfig } from './config.ts';
import type { RepositoryOptions } from './repository-schema.ts';

/** The repositories of a valid file with these upstreams: without any, one with everything. */
export function resolveRepositories(
  written: readonly RepositoryOptions[] | undefined,
  upstreams: readonly string[],
): readonly RepositoryConfig[] {
  if (!written) return [{ name: 'all', root: true, upstreams, rules: noRules }];
  return written.map((one) => ({
    name: one.name,
    root: one.root ?? written.length === 1,
    upstreams: one.upstreams ?? upstreams,
    rules: resolveRules(one),
  }));
}

function resolveRules(written: RepositoryOptions): RepositoryRules {
  const { overlap, owners = {}, deny = [], charts = ['*'], versions, prereleases, deprecated, listNewest } = written;
  return {
    overlap,
    owners: Object.entries(owners),
    deny,
    charts,
    versions: versionRules(versions),
    prereleases,
    deprecated,
    listNewest,
    cooldownMs: written.cooldown,
  };
}

/** What `versions` says: one range for every chart, or ranges by chart. */
export function versionRules(written: string | Readonly<Record<string, string>> | undefined): VersionRules {
  if (written === undefined) return everyVersion;
  return typeof written === 'string' ? [['*', written]] : Object.entries(written);
}
