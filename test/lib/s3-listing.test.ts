import { describe, expect, it } from 'vitest';

import { readListPage, unquoted } from '../../src/lib/s3-listing.ts';

const page = (contents: string, more = '') =>
  `<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>${more}${contents}</ListBucketResult>`;
const entry = (key: string, etag = '&quot;e1&quot;') =>
  `<Contents><Key>${key}</Key><LastModified>2026-11-21T03:54:47.000Z</LastModified><ETag>${etag}</ETag><Size>7</Size><Owner><ID>x</ID></Owner></Contents>`;
const keysOf = (xml: string) => readListPage(xml).objects.map(({ key }) => key);

describe('a page of a bucket listing', () => {
  it('has the keys as they were written, numbers and plus signs included', () => {
    const keys = ['a/b+c~D.tgz', '1.10', '0123', '1e5', 'a b'];
    expect(keysOf(page(keys.map((key) => entry(key)).join('')))).toEqual(keys);
  });

  it('undoes the encoding of keys only when the server says that it encoded them', () => {
    expect(keysOf(page(entry('a%2Bb+c%2Fd'), '<EncodingType>url</EncodingType>'))).toEqual(['a+b c/d']);
    expect(keysOf(page(entry('a%2Bb+c'), '<EncodingType></EncodingType>'))).toEqual(['a%2Bb+c']);
  });

  it('has size, time and etag without quotation marks, however they are escaped', () => {
    for (const etag of ['&quot;e1&quot;', '&#34;e1&#34;', '&#x22;e1&#x22;', '"e1"', 'e1']) {
      expect(readListPage(page(entry('a', etag))).objects).toEqual([
        { key: 'a', size: 7, etag: 'e1', modifiedMs: Date.parse('2026-11-21T03:54:47Z') },
      ]);
    }
  });

  it('names the next page when there is one, and is refused when it should and does not', () => {
    const next = '<IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b=</NextContinuationToken>';
    expect(readListPage(page('', next)).next).toBe('a&b=');
    expect(readListPage(page('', '<IsTruncated>false</IsTruncated>')).next).toBeUndefined();
    expect(() => readListPage(page('', '<IsTruncated>true</IsTruncated>'))).toThrow('breaks off');
  });

  it('is refused when it is something else', () => {
    expect(() => readListPage('<html></html>')).toThrow('is none');
    expect(() => readListPage('')).toThrow('is none');
  });

  it('does not expand entities that a document type made up', () => {
    const bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>';
    expect(keysOf(bomb + page(entry('&b;')))).toEqual(['&b;']);
  });
});

it('takes quotation marks and weakness off an etag', () => {
  expect([unquoted('"a"'), unquoted('W/"a"'), unquoted('a')]).toEqual(['a', 'a', 'a']);
});
