import type { HttpAnswer } from '../http/http.ts';
import { isWebPage } from './faults.ts';

/** A list of names, as it is read and as messages call it. */
export interface NamedList {
  readonly field: 'tags' | 'repositories' | 'manifests';
  /** What was asked for. */
  readonly what: string;
  readonly words: string;
  /** Whether an answer to its first page says that there is no such list. */
  readonly isAbsent: (answer: HttpAnswer) => boolean;
  /** Whether a first page of another shape says so, too. */
  readonly maybeNone?: true;
}

/** What one page of it says. */
export interface ReadPage {
  readonly names: readonly string[];
  /** Where the next page is, as the answer has it. */
  readonly link: string | readonly string[] | undefined;
}

/** What registries without a catalog answer when they are asked for it. */
const withoutCatalog = new Set([400, 404, 405, 410, 501]);

/** Whether an answer says that a registry has no catalog. */
export function isNoCatalog(answer: HttpAnswer): boolean {
  return withoutCatalog.has(answer.status) && !isWebPage(answer);
}

/** What registries without a list of referrers answer; a web page is none either. */
const withoutReferrers = new Set([303, 400, 404, 405, 406, 410, 501]);

/** Whether an answer says that a registry does not list referrers. */
export function isNoReferrers(answer: HttpAnswer): boolean {
  return withoutReferrers.has(answer.status) || (answer.status === 200 && isWebPage(answer));
}

/** The names of one page; null stands for none. Undefined when it is no such list. */
export function namesIn(body: Buffer, field: NamedList['field']): readonly string[] | undefined {
  try {
    const page: unknown = JSON.parse(body.toString('utf8'));
    if (typeof page !== 'object' || page === null || !(field in page)) return undefined;
    const names: unknown = (page as Readonly<Record<string, unknown>>)[field];
    if (names === null) return [];
    return field === 'manifests' ? digestsIn(names) : stringsIn(names);
  } catch {
    return undefined;
  }
}

function stringsIn(names: unknown): readonly string[] | undefined {
  return Array.isArray(names) && names.every((name) => typeof name === 'string') ? names : undefined;
}

/** Of the descriptors in an index. One that has none must not cost the others. */
function digestsIn(descriptors: unknown): readonly string[] | undefined {
  if (!Array.isArray(descriptors)) return undefined;
  const digests = descriptors.map((one) => (one as { readonly digest?: unknown } | null)?.digest);
  return digests.filter((digest) => typeof digest === 'string');
}
