const link = /<([^<>]*)>((?:\s*;\s*[\w!#$&+.^`|~*-]+\s*=\s*(?:"[^"]*"|[^\s;,"]*))*)/g;
const nextRelation = /;\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next(?![^\s;,]))/i;

/**
 * The next page of a list, from `Link` (RFC 8288; distribution specification, listing tags). Only the query of
 * the link is used, upon the address that was asked: servers behind a proxy name their inside host there or lose a
 * prefix, and no link may lead us elsewhere. Undefined when there is no next page.
 */
export function nextPage(page: URL, header: string | readonly string[] | undefined): URL | undefined {
  const text = [header ?? []].flat().join(', ');
  for (const [, target = '', params = ''] of text.matchAll(link)) {
    if (!nextRelation.test(params)) continue;
    const next = URL.parse(target, page.href);
    if (!next) continue;
    const url = new URL(page);
    url.search = next.search;
    return url;
  }
  return undefined;
}
