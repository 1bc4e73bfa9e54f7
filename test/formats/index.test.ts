import { gzipSync } from 'node:zlib';

import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { Fault } from '../../src/chart/fault.ts';
import { readIndex, readIndexUnlessEqual, type IndexContents, type UnchangedIndex } from '../../src/formats/index.ts';
import { sizeOf } from '../../src/lib/shared-table.ts';
import { claimsOf, oneRow, readText, rowYaml, textOf, wordsOf } from '../support/indexes.ts';

const hex = 'a'.repeat(64);

const index = `apiVersion: v1
entries:
  nginx:
  - apiVersion: v2
    appVersion: "1.25"
    created: "2024-05-01T10:00:00.123456789Z"
    description: A web server
    digest: ${hex}
    name: nginx
    type: application
    urls:
    - https://charts.corp/nginx-1.10.0.tgz
    version: 1.10.0
    kubeVersionRange: ">=1.20"
  - name: nginx
    version: 1.9.0
    urls: [nginx-1.9.0.tgz]
  loki:
  - {name: loki, version: 0.3.0+b, urls: [loki.tgz]}
generated: "2024-05-02T00:00:00Z"
`;

const json = JSON.stringify({
  apiVersion: 'v1',
  entries: {
    loki: [{ name: 'loki', version: '0.3.0+b', urls: ['loki.tgz'] }],
    nginx: [
      {
        kubeVersionRange: '>=1.20',
        apiVersion: 'v2',
        appVersion: '1.25',
        created: '2024-05-01T10:00:00.123456789Z',
        description: 'A web server',
        digest: hex,
        name: 'nginx',
        type: 'application',
        urls: ['https://charts.corp/nginx-1.10.0.tgz'],
        version: '1.10.0',
      },
      { name: 'nginx', version: '1.9.0', urls: ['nginx-1.9.0.tgz'] },
    ],
  },
});

function faultOf(work: () => unknown): Fault {
  try {
    work();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error('there was no fault');
}

describe('an index', () => {
  it('says of each version where it is, its digest, when it was made and what it is', () => {
    const { claims, rejected, examples } = readText(index);
    expect(wordsOf(claimsOf(claims))).toEqual(['loki 0.3.0+b', 'nginx 1.10.0', 'nginx 1.9.0']);
    expect(claimsOf(claims)[1]).toEqual({
      chart: 'nginx',
      version: '1.10.0',
      source: 'https://charts.corp/nginx-1.10.0.tgz',
      digest: `sha256:${hex}`,
      created: '2024-05-01T10:00:00.123456789Z',
      metadata:
        '{"apiVersion":"v2","appVersion":"1.25","description":"A web server","name":"nginx","type":"application","version":"1.10.0"}',
      extra: '{"kubeVersionRange":">=1.20"}',
      since: '',
    });
    expect([rejected, examples]).toEqual([{}, []]);
  });

  it('says the same in YAML, in JSON, with a byte order mark, compressed, and with other ends of lines', () => {
    const same = (body: Uint8Array, gzip = false): string =>
      textOf(readIndex({ upstream: 'nexus', body, gzip, maxBytes: 1e6 }).claims);
    const whole = same(Buffer.from(index));
    expect(same(Buffer.from(json))).toBe(whole);
    expect(same(Buffer.from(`\ufeff${index}`))).toBe(whole);
    expect(same(Buffer.from(`\ufeff${json}`))).toBe(whole);
    expect(same(Buffer.from(index.replaceAll('\n', '\r\n')))).toBe(whole);
    expect(same(gzipSync(index), true)).toBe(whole);
    expect(same(Buffer.from(`${' \n'.repeat(500)}${index}`))).toBe(whole);
    expect(same(Buffer.from(`---\n# made by hand\n${index}...\n`))).toBe(whole);
    expect(same(Buffer.concat([Buffer.alloc(3), Buffer.from(index)]).subarray(3))).toBe(whole);
  });

  it('keeps the text of scalars that are not strings, in YAML and in JSON', () => {
    const yaml = readText(
      'entries:\n  nginx:\n  - {name: nginx, version: 1.10, appVersion: 1.0, description: 2024-01-01, urls: [a],' +
        ' home: 0x1F, icon: yes, kubeVersion: 1e3, keywords: [no, 010, 1_000, ~x], annotations: {a: 1.50, b: true}}\n',
    );
    const fields = JSON.parse(claimsOf(yaml.claims)[0]?.metadata ?? '') as unknown;
    expect(fields).toMatchObject({ version: '1.10', appVersion: '1.0', description: '2024-01-01', home: '0x1F' });
    expect(fields).toMatchObject({ icon: 'yes', kubeVersion: '1e3', keywords: ['no', '010', '1_000', '~x'] });
    expect(fields).toMatchObject({ annotations: { a: '1.50', b: 'true' } });
    const numbers = readText(
      '{"entries":{"nginx":[{"name":"nginx","version":1.10,"appVersion":1.0,"urls":["a"],' +
        '"annotations":{"a":1.50,"b":true,"c":null,"d":12345678901234567890,"e":-0.0}}]}}',
    );
    expect(claimsOf(numbers.claims)[0]?.version).toBe('1.10');
    expect(JSON.parse(claimsOf(numbers.claims)[0]?.metadata ?? '')).toMatchObject({
      appVersion: '1.0',
      annotations: { a: '1.50', b: 'true', c: '', d: '12345678901234567890', e: '-0.0' },
    });
  });

  it('has several rows of one version as one version, whose claims are the digests in their order', () => {
    const [a, b] = ['a'.repeat(64), 'b'.repeat(64)];
    const { claims, rejected } = readText(
      `entries:\n  nginx:\n${[b, a, b, '""', a]
        .map((digest, at) => `  - {name: nginx, version: 1.0.0, digest: ${digest}, urls: ["u${at}", same]}\n`)
        .join('')}`,
    );
    expect(claimsOf(claims).map(({ digest, source }) => [digest, source])).toEqual([
      [`sha256:${b}`, 'u0 same u2'],
      [`sha256:${a}`, 'u1 same u4'],
      [undefined, 'u3 same'],
    ]);
    expect(rejected).toEqual({});
  });

  it('may say nothing: without entries, with null, an empty mapping, or charts without rows', () => {
    for (const text of [
      'apiVersion: v1\n',
      'apiVersion: v1\nentries:\n',
      'apiVersion: v1\nentries: null\n',
      'entries: {}\n',
      'entries:\n  nginx: []\n  loki:\n',
      '{"apiVersion":"v1"}',
      '{"entries":null}',
    ]) {
      const contents = readText(text);
      expect([sizeOf(contents.claims), contents.rejected]).toEqual([0, {}]);
    }
  });

  it('in flow style that is no JSON is YAML all the same', () => {
    const { claims } = readText("{apiVersion: v1, entries: {nginx: [{name: nginx, version: 1.0.0, 'urls': [a]}]}}");
    expect(wordsOf(claimsOf(claims))).toEqual(['nginx 1.0.0']);
  });
});

describe('what is no index', () => {
  it.each([
    ['', 'is empty'],
    ['\ufeff', 'is empty'],
    [' \r\n\t'.repeat(1000), 'is empty'],
    ['OK', 'neither apiVersion nor entries'],
    ['- a\n- b\n', 'neither apiVersion nor entries'],
    ['null', 'neither apiVersion nor entries'],
    ['{"errors":[{"status":404}]}', 'neither apiVersion nor entries'],
    ['[]', 'neither apiVersion nor entries'],
    ['apiVersion: v1\nentries: []\n', 'entries is not a mapping'],
    ['apiVersion: v1\nentries: text\n', 'entries is not a mapping'],
    ['apiVersion: v1\n\tentries:\n', 'cannot be read'],
    [`${index}  - name: [\n`, 'cannot be read'],
    [json.slice(0, -10), 'cannot be read'],
    [`${index}---\n${index}`, 'cannot be read'],
    [`${index}---\nx: y\n`, 'cannot be read'],
    [`entries:\n${rowYaml('a', '1.0.0').replace('  -', '  a:\n  -')}---\nx: y\n`, 'cannot be read'],
    [`{${'\u001b[31m'}`, 'cannot be read'],
  ])('%j is listing-invalid: %s', (text, words) => {
    const fault = faultOf(() => readText(text));
    expect(fault.code).toBe('listing-invalid');
    expect(fault.message).toMatch(/^nexus: index\.yaml /);
    expect(fault.message).toContain(words);
    expect(fault.message).not.toMatch(/[\u0000-\u001f]/);
  });

  it.each(['<!DOCTYPE html><html>', '\n\n  <html>', '\ufeff<?xml version="1.0"?>', `${' '.repeat(5000)}<html>`])(
    'a web page is not-a-repository: %j',
    (text) => {
      const fault = faultOf(() => readText(text));
      expect(fault.code).toBe('not-a-repository');
      expect(fault.advice).toContain('login page');
    },
  );

  it('UTF-16 and other bytes are listing-invalid', () => {
    for (const body of [
      Buffer.from(`\ufeff${index}`, 'utf16le'),
      Buffer.from(`\ufeff${index}`, 'utf16le').swap16(),
      gzipSync(index),
      Buffer.alloc(1024),
      Buffer.from([0xff, 0xfe, 0xfd]),
    ]) {
      expect(faultOf(() => readText(body)).code).toBe('listing-invalid');
    }
  });

  it.each([
    ['keys of a chart', 'entries:\n  nginx:\n  - name: nginx\n    name: nginx\n'],
    ['chart names', `entries:\n  nginx:\n${rowYaml('nginx', '1.0.0')}  nginx:\n${rowYaml('nginx', '2.0.0')}`],
    ['chart names with the same rows', `entries:\n${`  nginx:\n${rowYaml('nginx', '1.0.0')}`.repeat(2)}`],
    ['chart names, one in quotes', `entries:\n  nginx:\n${rowYaml('nginx', '1.0.0')}  "nginx": []\n`],
    ['lists of entries', 'entries:\n  a: []\nentries:\n  b: []\n'],
    ['lists of entries, one in flow style', 'entries:\n  a: []\nentries: {}\n'],
    ['versions of itself', 'apiVersion: v1\napiVersion: v1\nentries:\n  a: []\n'],
    ['chart names in JSON', '{"entries":{"nginx":[],"loki":[],"nginx":[]}}'],
    ['chart names in JSON, one escaped', '{"entries":{"nginx":[],"\\u006eginx":[]}}'],
    ['lists of entries in JSON', '{"entries":{},"entries":{}}'],
  ])('a document that has two %s is listing-invalid, and neither wins', (_, text) => {
    expect(faultOf(() => readText(text))).toMatchObject({ code: 'listing-invalid' });
  });

  it('compressed data that is cut off, damaged or unpacks beyond the limit is listing-invalid', () => {
    const packed = gzipSync(index.repeat(50));
    const read = (body: Uint8Array, maxBytes = 1e6): IndexContents =>
      readIndex({ upstream: 'nexus', body, gzip: true, maxBytes });
    const damaged = Buffer.from(packed).fill(0xff, 20, 30);
    for (const body of [packed.subarray(0, -1), packed.subarray(0, 40), damaged, Buffer.from(index), Buffer.alloc(0)]) {
      expect(faultOf(() => read(body))).toMatchObject({ code: 'listing-invalid' });
    }
    expect(faultOf(() => read(packed, 10_000)).message).toBe('nexus: index.yaml is larger than 10000 bytes.');
    expect(faultOf(() => read(gzipSync(Buffer.alloc(200 * 1024 * 1024, 'a')), 1e6)).message).toContain('is larger');
    expect(faultOf(() => read(gzipSync(gzipSync(index)))).code).toBe('listing-invalid');
    const short = Buffer.from(oneRow());
    expect(() => readIndex({ upstream: 'nexus', body: short, gzip: false, maxBytes: 10 })).toThrow('is larger');
  });
});

describe('an index that comes again', () => {
  const ask = (text: string, last: IndexContents | undefined): IndexContents | UnchangedIndex =>
    readIndexUnlessEqual({ upstream: 'nexus', body: Buffer.from(text), gzip: false, maxBytes: 1e6, last }, new Map());
  const first = readText(index);

  it('is unchanged when its bytes or its rows are the same, whatever else it says', () => {
    for (const text of [index, index.replace('2024-05-02', '2025-01-01'), json, `${index}serverInfo: {x: y}\n`]) {
      expect(ask(text, first)).toEqual({ unchanged: true, content: digestOf(Buffer.from(text)) });
    }
    expect(ask(index, undefined)).not.toHaveProperty('unchanged');
    // the bytes alone are enough: they are not read again
    const content = digestOf(Buffer.from('<html>'));
    expect(ask('<html>', { ...first, content })).toEqual({ unchanged: true, content });
  });

  it('is changed when any row says anything else, is new, is gone, or is dropped now', () => {
    for (const text of [
      index.replace('A web server', 'A Web server'),
      index.replace(hex, 'b'.repeat(64)),
      index.replace('>=1.20', '>=1.21'),
      index.replace('charts.corp', 'other.corp'),
      index.replace('.123456789Z', 'Z'),
      index.replace('  loki:\n', `  loki:\n  - {name: loki, version: 0.4.0, urls: [x]}\n`),
      index.replace('  loki:\n', `  loki:\n  - {name: loki, version: 0.4.0}\n`),
    ]) {
      expect(ask(text, first)).not.toHaveProperty('unchanged');
    }
  });
});

it('a row without anything but name, version and url is enough', () => {
  const [claim] = claimsOf(readText(oneRow()).claims);
  expect(claim?.metadata).toBe('{"apiVersion":"v1","name":"nginx","version":"1.0.0"}');
  expect(claim).not.toHaveProperty('digest');
  expect(claim).not.toHaveProperty('created');
  expect(claim).not.toHaveProperty('extra');
});
