import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { asFault, Fault } from '../../src/chart/fault.ts';
import { maxDocumentBytes, parseDocuments, readDocuments } from '../../src/formats/chart-documents.ts';
import { rawTar, type RawEntry } from '../support/raw-tar.ts';
import { needsSharedData, sharedData } from '../support/shared-data.ts';

function archive(...entries: readonly RawEntry[]): Buffer {
  return gzipSync(rawTar({ name: 'nginx/Chart.yaml', body: 'name: nginx\nversion: 1.2.3\n' }, ...entries));
}

function read(...entries: readonly RawEntry[]) {
  return readDocuments(archive(...entries));
}

/** What an archive is refused with; undefined when it is read. */
function refusalOf(bytes: Uint8Array, subject?: string): Fault | undefined {
  try {
    readDocuments(bytes, subject);
    return undefined;
  } catch (error) {
    return asFault(error, (other) => new Fault('store-failed', String(other), ''));
  }
}

describe('the documents of an archive', () => {
  test('are its README, values and schema as they were written', () => {
    const documents = read(
      { name: 'nginx/values.yaml', body: 'replicas: 1 # one\n' },
      { name: 'nginx/README.md', body: '# nginx\r\n' },
      { name: 'nginx/values.schema.json', body: '{"type":"object"}' },
    );

    expect(documents).toEqual({
      readme: '# nginx\r\n',
      values: 'replicas: 1 # one\n',
      schema: '{"type":"object"}',
      tooLarge: [],
    });
  });

  test('are none where there are none', () => {
    expect(read()).toEqual({ tooLarge: [] });
  });

  test('are there although they are empty', () => {
    expect(read({ name: 'nginx/values.yaml' })).toEqual({ values: '', tooLarge: [] });
  });

  test('are never those of a chart in its charts/, nor of any other folder', () => {
    const names = ['charts/redis/', 'docs/', 'templates/', 'nginx/'];
    const entries = names.flatMap((folder) =>
      ['README.md', 'values.yaml', 'values.schema.json'].map((name) => ({ name: `nginx/${folder}${name}`, body: 'x' })),
    );

    expect(read(...entries)).toEqual({ tooLarge: [] });
  });

  test.each(['README.md', 'readme.md', 'Readme.MD', 'README.txt', 'README'])('have %s for a README', (name) => {
    expect(read({ name: `nginx/${name}`, body: 'read me' }).readme).toBe('read me');
  });

  test('have the first of several READMEs, and the last of several values, as Helm', () => {
    const twice = [
      { name: 'nginx/README.txt', body: 'first' },
      { name: 'nginx/values.yaml', body: 'a: 1' },
      { name: 'nginx/readme.md', body: 'second' },
      { name: 'nginx/values.yaml', body: 'a: 2' },
    ];

    expect(read(...twice)).toEqual({ readme: 'first', values: 'a: 2', tooLarge: [] });
  });

  test('have values and schema in no other case', () => {
    expect(read({ name: 'nginx/Values.yaml', body: 'a: 1' }, { name: 'nginx/values.schema.JSON', body: '{}' })).toEqual(
      {
        tooLarge: [],
      },
    );
  });

  test('are no links, whatever these point to', () => {
    expect(read({ name: 'nginx/README.md', type: '2', linkname: '/etc/passwd' })).toEqual({ tooLarge: [] });
  });

  test('are named, and left out, when they are larger than 1 MiB', () => {
    const exact = Buffer.alloc(maxDocumentBytes, 'a');
    const documents = read(
      { name: 'nginx/README.md', body: Buffer.alloc(maxDocumentBytes + 1, 'a') },
      { name: 'nginx/values.yaml', body: exact },
    );

    expect(documents.values).toHaveLength(maxDocumentBytes);
    expect(documents).toEqual({ values: exact.toString(), tooLarge: ['readme'] });
  });

  test('lose their byte order mark, and what is not UTF-8 is replaced', () => {
    const documents = read(
      { name: 'nginx/README.md', body: Buffer.from([0xef, 0xbb, 0xbf, 0x61]) },
      { name: 'nginx/values.yaml', body: Buffer.from([0x61, 0xff, 0xc0, 0xed, 0xa0, 0x80, 0x62]) },
    );

    expect(documents.readme).toBe('a');
    expect(documents.values).toMatch(/^a\uFFFD+b$/);
    expect(documents.values?.isWellFormed()).toBe(true);
  });

  test('are taken out of whatever bytes there are, or a fault says why not', () => {
    const whole = archive({ name: 'nginx/README.md', body: 'read me' });
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const bytes = Buffer.from(whole);
        bytes[at] = byte;

        expect(['archive-invalid', 'too-large', undefined]).toContain(refusalOf(bytes)?.code);
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    ['that is no gzip', Buffer.from('no'), 'archive-invalid'],
    ['that unpacks to too much', gzipSync(Buffer.alloc(101 * 1024 * 1024)), 'too-large'],
    ['with a path that leads out', archive({ name: 'nginx/../../README.md', body: 'x' }), 'archive-invalid'],
  ])('are not looked for in an archive %s', (_, bytes, code) => {
    expect(refusalOf(bytes, 'that of nginx')).toMatchObject({
      code,
      message: expect.stringMatching(/^that of nginx /) as unknown,
    });
  });
});

describe('documents that were kept', () => {
  test('are read back as they were', () => {
    const documents = read({ name: 'nginx/README.md', body: 'read me' });

    expect(parseDocuments(JSON.parse(JSON.stringify(documents)))).toEqual(documents);
  });

  test.each([
    [null],
    ['text'],
    [[]],
    [{}],
    [{ tooLarge: 'readme' }],
    [{ tooLarge: ['licence'] }],
    [{ tooLarge: [], readme: 1 }],
    [{ tooLarge: [], values: {} }],
  ])('are nothing else: %j', (value) => {
    expect(() => parseDocuments(value)).toThrow('no documents');
  });
});

describe.skipIf(needsSharedData('podinfo', 'grafana'))('real archives', () => {
  test.each([sharedData('podinfo'), join(sharedData('grafana'), 'packages')])(
    'of %s all have documents',
    async (folder) => {
      const names = (await readdir(folder)).filter((name) => name.endsWith('.tgz'));
      const without: string[] = [];
      for (const name of names) {
        const { values, tooLarge } = readDocuments(await readFile(join(folder, name)));
        if (values === undefined || tooLarge.length > 0) without.push(name);
      }

      expect(names.length).toBeGreaterThan(100);
      expect(without).toEqual([]);
    },
  );
});
