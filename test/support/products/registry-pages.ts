import type { SiteAnswer, SiteRequest } from '../internet.ts';
import { askedOf, json, pageOf, registryError, type RegistryShelf } from './registry-shelf.ts';

interface Paging {
  /** What a page has at most, whatever is asked for. */
  readonly pageSize?: number;
  /** What is answered when more than 1000 are asked for at once. */
  readonly tooMany?: SiteAnswer;
  /** The address of the next page, given its query; at the path that was asked when absent. */
  readonly link?: (query: string) => string;
}

/** What a registry answers to whoever it lets in: its catalog, lists of tags, manifests and blobs. */
export function registryAnswer(shelf: RegistryShelf, request: SiteRequest, paging: Paging = {}): SiteAnswer {
  if (request.path === '/v2/_catalog') return namesPage(request, { repositories: shelf.repositories }, paging);
  const asked = askedOf(request);
  if (asked?.kind !== 'tags') return shelf.answer(request) ?? json({});
  const tags = shelf.tagsOf(asked.repository).map(({ tag }) => tag);
  return tags.length > 0 ? namesPage(request, { tags }, paging) : registryError(404, 'NAME_UNKNOWN');
}

/** One page of a list of names by `n` and `last`, and the `Link` to the next (distribution specification, listing tags). */
export function namesPage(
  request: SiteRequest,
  list: Readonly<Record<string, readonly string[]>>,
  paging: Paging = {},
): SiteAnswer {
  const { pageSize = 1000, tooMany, link = (next) => `${request.path}?${next}` } = paging;
  const asked = Number(request.query.get('n') ?? 100);
  if (tooMany && asked > 1000) return tooMany;
  const [[field, names] = ['tags', []]] = Object.entries(list);
  const left = names.toSorted().filter((one) => one > (request.query.get('last') ?? ''));
  const page = left.slice(0, Math.min(asked, pageSize));
  if (page.length === left.length) return json({ [field]: page });
  const next = new URLSearchParams({ last: page.at(-1) ?? '', n: String(page.length) });
  return json({ [field]: page }, 200, { link: `<${link(next.toString())}>; rel="next"` });
}

/** What mirrors and proxies say to more than 1000 at once. */
export const tooManyForMirrors = registryError(405, 'UNSUPPORTED', 'The operation is unsupported.');

/** Rows of one numbered page of a product's API, and the number of the next where there is one. */
export function numberedPage<T>(
  { query }: SiteRequest,
  list: readonly T[],
  size: { readonly name: string; readonly usual: number; readonly most: number },
): { readonly rows: readonly T[]; readonly next: number | undefined; readonly size: number } {
  const wanted = Math.min(Number(query.get(size.name) ?? size.usual), size.most);
  const at = Number(query.get('page') ?? 1);
  const { rows, more } = pageOf(list, at, wanted);
  return { rows, next: more ? at + 1 : undefined, size: wanted };
}
