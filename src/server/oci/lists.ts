import { malformed } from './refusal.ts';

/** No list has more names on one page, whether a client says how many it wants or not. */
const maxPageLength = 1_000;

/** Which part of a list a client wants. */
interface PageQuery {
  readonly limit: number;
  /** Where to begin: behind this one, whether it is in the list or not, so that a list may change between two pages. */
  readonly last: string | undefined;
}

/** One page of a list. */
interface Page {
  readonly names: readonly string[];
  /** What the next page begins behind; undefined for the last page, and for an empty one. */
  readonly next: string | undefined;
}

/**
 * `n` and `last` of a query (distribution specification, "Listing Tags"). A larger `n` than a page can have is that of a
 * full page. Throws a `Refusal` for one that is no number, or none that a client could mean.
 */
function readPageQuery(query: string): PageQuery {
  if (query === '') return { limit: maxPageLength, last: undefined };
  const parameters = new URLSearchParams(query);
  return { limit: readLimit(parameters.get('n')), last: parameters.get('last') ?? undefined };
}

function readLimit(text: string | null): number {
  if (text === null) return maxPageLength;
  const number = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(number)) return Math.min(number, maxPageLength);
  const advice = `A whole number; more than ${maxPageLength} names are on several pages.`;
  throw malformed('PAGINATION_NUMBER_INVALID', 'The n in this address is not valid.', advice);
}

/** That part of `names`, which are in the order of their bytes. */
function pageOf(names: readonly string[], { limit, last }: PageQuery): Page {
  const start = last === undefined ? 0 : firstBehind(names, last);
  const page = names.slice(start, start + limit);
  return { names: page, next: start + page.length < names.length ? page.at(-1) : undefined };
}

function firstBehind(names: readonly string[], last: string): number {
  let [low, high] = [0, names.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((names[middle] ?? '') > last) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** One page as it is sent. */
export interface RenderedPage {
  readonly body: Buffer;
  /** To the page that follows. */
  readonly link: string | undefined;
}

/** A list at its address, and the document that a part of it is told in. */
interface NameList {
  /** In the order of their bytes. The same array as long as it says the same. */
  readonly names: readonly string[];
  readonly path: string;
  readonly document: (names: readonly string[]) => unknown;
}

/** Renders the page that a query asks for. Throws as `readPageQuery`. */
export type PageRenderer = (list: NameList, query: string) => RenderedPage;

/** Remembers the page of each list that everybody asks for, which is the first, without a query. */
export function pageRenderer(): PageRenderer {
  const first = new WeakMap<readonly string[], Map<string, RenderedPage>>();
  return (list, query) => {
    if (query !== '') return renderPage(list, query);
    const remembered = first.get(list.names) ?? new Map<string, RenderedPage>();
    if (remembered.size === 0) first.set(list.names, remembered);
    const page = remembered.get(list.path) ?? renderPage(list, query);
    remembered.set(list.path, page);
    return page;
  };
}

function renderPage({ names, path, document }: NameList, query: string): RenderedPage {
  const asked = readPageQuery(query);
  const page = pageOf(names, asked);
  const next = page.next === undefined ? undefined : { n: String(asked.limit), last: page.next };
  return { body: Buffer.from(JSON.stringify(document(page.names))), link: next && linkTo(path, next) };
}

/** A `Link` to the page that follows, relative, since nobody knows by which address a client came. */
export function linkTo(path: string, query: Readonly<Record<string, string>>): string {
  return `<${path}?${String(new URLSearchParams(query))}>; rel="next"`;
}

/** What one of our repositories adds to the catalog. */
export interface CatalogPart {
  readonly repository: string;
  readonly root: boolean;
  /** The same array as long as it says the same. */
  readonly charts: readonly string[];
}

/** All names of a registry in the order of their bytes: `nginx` of the root's repository, `stable/nginx` of each. */
export type CatalogNames = (parts: readonly CatalogPart[]) => readonly string[];

/** Remembers the last it made. */
export function catalogNames(): CatalogNames {
  let made: { readonly of: readonly CatalogPart[]; readonly names: readonly string[] } | undefined;
  return (parts) => {
    if (!made || !isSame(made.of, parts)) made = { of: parts, names: namesIn(parts) };
    return made.names;
  };
}

function isSame(one: readonly CatalogPart[], other: readonly CatalogPart[]): boolean {
  if (one.length !== other.length) return false;
  return one.every(({ repository, root, charts }, at) => {
    const part = other[at];
    return part?.charts === charts && part.repository === repository && part.root === root;
  });
}

function namesIn(parts: readonly CatalogPart[]): readonly string[] {
  const names = parts.flatMap(({ repository, root, charts }) => {
    const named = charts.map((chart) => `${repository}/${chart}`);
    return root ? [...charts, ...named] : named;
  });
  // all ASCII, so that the order of code units is that of bytes
  return names.toSorted();
}
