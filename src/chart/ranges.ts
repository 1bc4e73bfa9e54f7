import { Range } from 'semver';

import { lookUp } from './names.ts';
import { parseVersion } from './version.ts';

/** Whether a version, as leniently as Helm reads it, is in a range. One that Helm would refuse is in none. */
export type VersionTest = (version: string) => boolean;

/**
 * A range of versions as people write it for Helm: `>=1.2, <2`, `~1.4`, `1.x || 2.0.1`. Prereleases are versions like any
 * other here; build metadata does not count. Undefined when it is none.
 */
export function versionRange(text: string): VersionTest | undefined {
  const range = readRange(text);
  if (!range) return undefined;
  return (version) => {
    const parsed = parseVersion(version);
    return parsed !== undefined && range.test(parsed);
  };
}

/**
 * Helm separates what must hold together by commas, npm by spaces. An alternative of nothing is everything to npm, and a
 * slip of whoever wrote it to us: `>=15 ||` lets nothing through.
 */
function readRange(text: string): Range | undefined {
  const spaced = text.replaceAll(',', ' ');
  if (spaced.split('||').some((alternative) => alternative.trim() === '')) return undefined;
  try {
    return new Range(spaced, { includePrerelease: true, loose: false });
  } catch {
    return undefined;
  }
}

/** Ranges for charts, by name or glob. Exact names go first, then the order in which they are written. */
export type VersionRules = readonly (readonly [chart: string, range: string])[];

/** Every version of every chart. */
export const everyVersion: VersionRules = [];

/** Whether a chart may be had in a version. Where no rule is for a chart, all of its versions may; a range that is none lets nothing pass. */
export function versionFilter(rules: VersionRules): (chart: string, version: string) => boolean {
  if (rules.every(([, range]) => range === '*')) return () => true;
  const nothing: VersionTest = () => false;
  const testOf = lookUp(rules.map(([chart, range]) => [chart, versionRange(range) ?? nothing] as const));
  return (chart, version) => testOf(chart)[0]?.(version) ?? true;
}
