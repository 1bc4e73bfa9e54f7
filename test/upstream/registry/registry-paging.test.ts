import { describe, expect, it } from 'vitest';

import { nextPage } from '../../../src/upstream/registry/paging.ts';

/** What real registries link to, and what must be asked next. */
const corpus = [
  ['distribution', 'https://h', 'foo', '</v2/foo/tags/list?last=v1&n=2>; rel="next"', '?last=v1&n=2'],
  ['zot, unencoded', 'https://h', 'foo', '</v2/foo/tags/list?last=a b&n=2>; rel="next"', '?last=a%20b&n=2'],
  [
    'ACR',
    'https://c.azurecr.io',
    'hello-world',
    '</v2/hello-world/tags/list?last=v1&n=2&orderby=>; rel="next"',
    '?last=v1&n=2&orderby=',
  ],
  [
    'ECR',
    'https://1234.dkr.ecr.eu-west-1.amazonaws.com',
    'x',
    '<https://1234.dkr.ecr.eu-west-1.amazonaws.com/v2/x/tags/list?last=LONGOPAQUE>; rel="next"',
    '?last=LONGOPAQUE',
  ],
  [
    'Quay',
    'https://quay.io',
    'ns/r',
    '<https://quay.io/v2/ns/r/tags/list?n=100&last=v9>; rel="next"',
    '?n=100&last=v9',
  ],
  [
    'Quay behind a proxy',
    'https://quay.corp',
    'ns/r',
    '<http://quay-app:8080/v2/ns/r/tags/list?n=100&last=v9>; rel="next"',
    '?n=100&last=v9',
  ],
  ['Artifactory virtual', 'https://h', 'helm/foo', '</v2/foo/tags/list?last=v1&n=2>; rel="next"', '?last=v1&n=2'],
  ['rel without quotes', 'https://h', 'foo', '</v2/foo/tags/list?last=v1>;rel=next', '?last=v1'],
  [
    'several links',
    'https://h',
    'foo',
    '</v2/foo?x>; rel="first", </v2/foo/tags/list?last=v1>; title="a, b"; rel="last next"',
    '?last=v1',
  ],
  ['another chart', 'https://h', 'foo', '</v2/secret/tags/list?last=v1>; rel="next"', '?last=v1'],
] as const;

describe('the next page of a list of tags', () => {
  it.each(corpus)('of %s is at its own address, with the query of the link', (_, origin, repository, link, query) => {
    const page = new URL(`${origin}/v2/${repository}/tags/list?n=1000`);
    expect(nextPage(page, link)?.href).toBe(`${origin}/v2/${repository}/tags/list${query}`);
  });

  it.each([
    [undefined],
    [''],
    ['nonsense'],
    ['</v2/foo/tags/list?last=v1>; rel="prev"'],
    ['</v2/foo/tags/list?last=v1>; rel="nextish"'],
    ['</v2/foo/tags/list?last=v1>'],
    ['<http://[>; rel="next"'],
  ])('is none for %j', (link) => {
    expect(nextPage(new URL('https://h/v2/foo/tags/list?n=1000'), link)).toBeUndefined();
  });

  it('is found in no time in a header of any length', () => {
    for (const header of [
      '<'.repeat(50_000),
      `<a>${'; a=b'.repeat(20_000)}`,
      `<a>;${' '.repeat(50_000)}`,
      `<a>; rel="${'next'.repeat(10_000)}`,
    ]) {
      expect(nextPage(new URL('https://h/v2/foo/tags/list'), header)).toBeUndefined();
    }
  });
});
