import { describe, expect, it } from 'vitest';

import { readListPage, readUploadsPage, unquoted } from '../../src/lib/s3-listing.ts';

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

const uploadsPage = (contents: string) =>
  `<?xml version="1.0"?><ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Bucket>b</Bucket>${contents}</ListMultipartUploadsResult>`;
const upload = (fields: string) => `<Upload>${fields}<Owner><ID>x</ID></Owner></Upload>`;
const started = '<Initiated>2026-11-21T03:54:47.000Z</Initiated>';

describe('a page of the uploads in parts', () => {
  it('has key, id and time as they were written', () => {
    const text = `${upload(`<Key>a+b &amp; c</Key><UploadId>x/y+=</UploadId>${started}`)}<IsTruncated>false</IsTruncated>`;
    expect(readUploadsPage(uploadsPage(text))).toEqual({
      uploads: [{ key: 'a+b & c', id: 'x/y+=', startedMs: Date.parse('2026-11-21T03:54:47Z') }],
      next: undefined,
    });
    const encoded = `<EncodingType>url</EncodingType>${upload(`<Key>a%2Bb</Key><UploadId>1</UploadId>${started}`)}`;
    expect(readUploadsPage(uploadsPage(encoded)).uploads.map(({ key }) => key)).toEqual(['a+b']);
  });

  it('passes over an upload that could be any, or of any age', () => {
    const text = [`<Key>a</Key>${started}`, `<UploadId>1</UploadId>${started}`, '<Key>a</Key><UploadId>1</UploadId>'];
    const unreadable = '<Key>a</Key><UploadId>1</UploadId><Initiated>yesterday</Initiated>';
    expect(readUploadsPage(uploadsPage([...text, unreadable].map(upload).join(''))).uploads).toEqual([]);
  });

  it('names the next page when there is one, and is refused when it should and does not', () => {
    const next = '<NextKeyMarker>a%2Bb</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker>';
    const truncated = '<IsTruncated>true</IsTruncated><EncodingType>url</EncodingType>';
    expect(readUploadsPage(uploadsPage(truncated + next)).next).toEqual({ key: 'a+b', id: 'u' });
    expect(() => readUploadsPage(uploadsPage(truncated))).toThrow('breaks off');
    expect(() => readUploadsPage('<html></html>')).toThrow('is none');
    expect(() => readUploadsPage(page(entry('a')))).toThrow('is none');
  });
});

it('takes quotation marks and weakness off an etag', () => {
  expect([unquoted('"a"'), unquoted('W/"a"'), unquoted('a')]).toEqual(['a', 'a', 'a']);
});
