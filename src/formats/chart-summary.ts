import type { Listed } from '../chart/select.ts';
import { parseVersion } from '../chart/version.ts';

interface Fields {
  readonly appVersion?: string;
  readonly description?: string;
  readonly keywords?: readonly string[];
  readonly maintainers?: readonly unknown[];
  readonly home?: string;
  readonly icon?: string;
  readonly type?: string;
  readonly deprecated?: boolean;
}

/**
 * What a list of charts says of one, as JSON: of its latest version, the newest that is no prerelease where there is one.
 * `listed` is not empty, newest first.
 */
export function summarize(chart: string, listed: readonly Listed[], nameOf: (member: number) => string): string {
  const isStable = ({ version }: Listed) => parseVersion(version.version)?.prerelease.length === 0;
  const latest = listed.find(isStable) ?? listed[0];
  if (!latest) throw new Error(`${chart} has no version to speak for it`);
  const { claim, version, member } = latest;
  const { appVersion, description, keywords, maintainers, home, icon, type, deprecated } = JSON.parse(
    claim.metadata ?? '{}',
  ) as Fields;
  return JSON.stringify({
    name: chart,
    version: version.version,
    appVersion,
    description,
    keywords: keywords ?? [],
    maintainers: maintainers ?? [],
    home,
    icon,
    type,
    deprecated: deprecated ?? false,
    updated: claim.created,
    versions: listed.length,
    upstream: nameOf(member),
  });
}
