import { SemVer } from 'semver';

/** What Helm's lenient reading takes as a version (Masterminds/semver `NewVersion`). */
const helmGrammar =
  /^v?(?<major>\d+)(?:\.(?<minor>\d+))?(?:\.(?<patch>\d+))?(?:-(?<pre>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+(?<build>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/;

const strictGrammar =
  /^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;

const maxVersionLength = 128;

/**
 * Whether every Helm client takes `text` as a version. Leading zeros in a prerelease and numbers beyond 2^53 are
 * refused: one such version makes Argo CD give up on the whole chart.
 */
export function isChartVersion(text: string): boolean {
  return parseVersion(text) !== undefined;
}

/** Whether `text` is SemVer 2 to the letter, and a chart version: what Helm lists of a registry's tags. */
export function isStrictVersion(text: string): boolean {
  return isChartVersion(text) && strictGrammar.test(text);
}

/** Reads a version as leniently as Helm does: `v1.2` is 1.2.0. Undefined when Helm would refuse it. */
export function parseVersion(text: string): SemVer | undefined {
  if (text.length > maxVersionLength) return undefined;
  const parts = helmGrammar.exec(text)?.groups;
  if (!parts) return undefined;
  const numbers = [parts['major'], parts['minor'] ?? '0', parts['patch'] ?? '0'].map(Number);
  if (!numbers.every(Number.isSafeInteger)) return undefined;
  const suffix = (parts['pre'] ? `-${parts['pre']}` : '') + (parts['build'] ? `+${parts['build']}` : '');
  try {
    return new SemVer(numbers.join('.') + suffix);
  } catch {
    return undefined;
  }
}

/** Orders versions newest first, as SemVer says; versions that differ only in spelling or build by their text. */
export function newestFirst(a: SortableVersion, b: SortableVersion): number {
  return b.parsed.compare(a.parsed) || compareText(b.text, a.text);
}

/** A version with its parsed form, so that sorting parses each only once. */
export interface SortableVersion {
  readonly text: string;
  readonly parsed: SemVer;
}

/** The version ready for sorting; one that Helm would refuse sorts last. */
export function sortable(text: string): SortableVersion {
  return { text, parsed: parseVersion(text) ?? new SemVer('0.0.0-0') };
}

/** Orders text by its code units: the same on every machine and in every locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The same for every spelling that Helm takes for one version: `v1.2` and `1.2.0`. Text that is no version stays itself. */
export function canonicalVersion(text: string): string {
  if (strictGrammar.test(text)) return text;
  const parsed = parseVersion(text);
  if (!parsed) return text;
  return parsed.build.length > 0 ? `${parsed.version}+${parsed.build.join('.')}` : parsed.version;
}
