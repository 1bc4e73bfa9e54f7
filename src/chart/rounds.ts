import { createHash } from 'node:crypto';

import { absencesUntilWithdrawn, type Catalog, type ChartVersion } from './catalog.ts';
import { shareText } from './survey.ts';

/** Every described version is looked at again once in this time. */
const roundMs = 24 * 60 * 60_000;

/**
 * The described versions whose turn it is between two times, as lines of `chart`, tab, `version`. Every version has a
 * moment of the day of its own, told from its name, so the work is spread and needs no memory; the first is a day after
 * it became known.
 */
export function dueForCheck(catalog: Catalog, fromMs: number, toMs: number): SharedArrayBuffer {
  const lines: string[] = [];
  const startMs = Math.max(fromMs, toMs - roundMs);
  for (const version of catalog.all()) {
    if (isChecked(version, toMs) && isTurn(version, startMs, toMs))
      lines.push(`${version.chart}\t${version.version}\n`);
  }
  return shareText(lines);
}

function isChecked({ claims }: ChartVersion, nowMs: number): boolean {
  return claims.some(
    ({ tag, refused, missing, since }) =>
      tag !== undefined &&
      refused === undefined &&
      (missing ?? 0) < absencesUntilWithdrawn &&
      // the clock may have been wrong then, or be so now
      Math.abs(nowMs - Date.parse(since)) >= roundMs,
  );
}

function isTurn({ chart, version }: ChartVersion, fromMs: number, toMs: number): boolean {
  const hash = createHash('sha256').update(`${chart} ${version}`).digest();
  const momentMs = (hash.readUInt32BE() / 2 ** 32) * roundMs;
  const lastMs = toMs - ((((toMs - momentMs) % roundMs) + roundMs) % roundMs);
  return lastMs > fromMs;
}
