import type { Claim } from '../chart/claim.ts';
import type { Digest } from '../chart/digest.ts';
import { isChartName } from '../chart/names.ts';
import { isChartVersion } from '../chart/version.ts';
import { chartMetadata, type RawFields } from './chart-metadata.ts';

/** Why a row of an index was dropped. */
export type RowProblem =
  | 'not-a-row'
  | 'bad-name'
  | 'name-mismatch'
  | 'bad-version'
  | 'no-urls'
  | 'bad-url'
  | 'bad-metadata'
  | 'too-large';

const maxUrlChars = 2048;
const hexGrammar = /^(?:sha256:)?([0-9a-fA-F]{64})$/;
const rfc3339 = /^(\d{4}-\d{2}-(\d{2}))T(?:[01]\d|2[0-3]):\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;
const taggedOci = /^oci:\/\/[^/]+\/.*[:@][^/]+$/i;
/** Those of buckets are for whoever knows the bucket to open. */
const plainKinds = new Set(['relative', 'http', 'https', 's3', 'gs']);
const controlCharacters = /[\u0000-\u001f\u007f]/;
const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/;

/** One row listed under `key` as a claim, or why not. Follows Helm's own rules for dropping rows (`loadIndex`). */
export function readRow(key: string, row: unknown): Claim | RowProblem {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) return 'not-a-row';
  const fields = row as RawFields;
  const chart = scalar(fields['name']) ?? '';
  const version = scalar(fields['version']) ?? '';
  const problem = nameProblem(key, chart, version);
  if (problem) return problem;
  const source = readUrls(fields['urls'], version);
  if (source === 'no-urls' || source === 'bad-url') return source;
  const described = chartMetadata(fields);
  if ('rejected' in described) return described.rejected;
  return { chart, version, source, ...described, digest: readDigest(fields), created: readCreated(fields) };
}

function nameProblem(key: string, chart: string, version: string): RowProblem | undefined {
  if (!isChartName(chart)) return 'bad-name';
  if (chart !== key) return 'name-mismatch';
  return isChartVersion(version) ? undefined : 'bad-version';
}

function scalar(value: unknown): string | undefined {
  return value === null || value === undefined || typeof value === 'object' ? undefined : String(value);
}

/** The usable urls in their order, separated by spaces. */
function readUrls(value: unknown, version: string): string {
  const urls = Array.isArray(value) ? value.map(scalar).filter((url) => url !== undefined && url !== '') : [];
  if (urls.length === 0) return 'no-urls';
  const usable = urls.map((url) => usableUrl(url ?? '', version)).filter((url) => url);
  return usable.length === 0 ? 'bad-url' : [...new Set(usable)].join(' ');
}

/**
 * http, https, oci and relative ones. Artifactory's `local://name.tgz` means a file beside the index; an `oci://` url
 * without a tag means the row's version.
 */
function usableUrl(url: string, version: string): string | undefined {
  if (url.length > maxUrlChars || controlCharacters.test(url)) return undefined;
  const encoded = url.trim().replaceAll(' ', '%20').toWellFormed();
  const kind = (scheme.exec(encoded)?.[1] ?? 'relative').toLowerCase();
  if (kind === 'local') return encoded.slice('local://'.length);
  if (kind === 'oci') return taggedOci.test(encoded) ? encoded : `${encoded}:${version.replaceAll('+', '_')}`;
  return plainKinds.has(kind) ? encoded : undefined;
}

function readDigest(fields: RawFields): Digest | undefined {
  const hex = hexGrammar.exec(scalar(fields['digest']) ?? '')?.[1];
  return hex === undefined ? undefined : `sha256:${hex.toLowerCase()}`;
}

/** Only what every client reads as a time: RFC 3339 with a zone, and a day that exists. */
export function readTime(text: string): string | undefined {
  const parts = rfc3339.exec(text);
  if (!parts || Number.isNaN(Date.parse(text))) return undefined;
  const day = new Date(`${parts[1]}T00:00:00Z`);
  return day.getUTCDate() === Number(parts[2]) ? text : undefined;
}

function readCreated(fields: RawFields): string | undefined {
  return readTime(scalar(fields['created']) ?? '');
}
