import picomatch from 'picomatch';
import { intersects } from 'semver';

import { isDigest } from '../chart/digest.ts';
import { isChartName } from '../chart/names.ts';
import { versionRange } from '../chart/ranges.ts';
import type { DenyRule } from '../chart/rules.ts';

const globMarks = /[*?[\]{},]/;

/** Whether a name or glob means what it says. Brackets that are not closed, or a comma outside of them, would match nothing. */
export function isSound(pattern: string): boolean {
  if (!globMarks.test(pattern)) return true;
  if (/^[^[{]*,|,[^\]}]*$/.test(pattern) || !/[*?[{]/.test(pattern)) return false;
  try {
    picomatch.makeRe(pattern, { dot: true, strictBrackets: true, debug: true });
    return true;
  } catch {
    return false;
  }
}

/** Whether a text is the name of a chart, or a glob over such names; nothing is excluded, and no path is before it. */
export function isNameOrGlob(text: string): boolean {
  if (!globMarks.test(text)) return isChartName(text);
  return /^[A-Za-z0-9*?[{][A-Za-z0-9._*?[\]{},-]{0,255}$/.test(text) && isSound(text);
}

/** Whether a text is a range of versions in which there can be any. */
export function isRange(text: string): boolean {
  return versionRange(text) !== undefined && intersects(text.replaceAll(',', ' '), '*', { includePrerelease: true });
}

/** What is known of a range that is none, in words before "expected"; empty when that is nothing. */
export function adviseRange(text: string): string {
  const turned = text.replaceAll('=>', '>=').replaceAll('=<', '<=');
  if (turned !== text && isRange(turned)) return `did you mean "${turned}"? `;
  if (text.includes('!=')) return 'there is no "!="; write "<1.2.3 || >1.2.3"; ';
  return versionRange(text) ? 'no version can be in it; ' : '';
}

/** One entry of `deny`; undefined when it is none. */
export function readDenyRule(text: string): DenyRule | undefined {
  const at = text.indexOf('@');
  const chart = at === -1 ? text : text.slice(0, at);
  if (!isNameOrGlob(chart)) return undefined;
  if (at === -1) return { text, chart };
  const what = text.slice(at + 1);
  if (isDigest(what)) return { text, chart, digest: what };
  return isRange(what) ? { text, chart, range: what } : undefined;
}

/** What is known of an entry of `deny` that is none, in words before "expected". */
export function adviseDenyRule(text: string): string {
  const [, chart = '', what] = /^([^@]*)(?:@(.*))?$/s.exec(text) ?? [];
  if (chart.startsWith('!')) return 'nothing is excluded from what is denied; ';
  if (what === undefined) return /[:=<>\s]/.test(chart) ? 'a version or digest stands behind "@"; ' : '';
  if (/^(?:sha\d+:|[0-9a-f]{12,}$)/i.test(what)) return 'a digest is "sha256:" and 64 hex digits in lower case; ';
  return isNameOrGlob(chart) ? adviseRange(what) : '';
}
