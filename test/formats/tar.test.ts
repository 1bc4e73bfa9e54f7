import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import fc from 'fast-check';
import { packTar, unpackTar } from 'modern-tar';
import { describe, expect, test } from 'vitest';

import { BadTar, readTar, TooManyEntries } from '../../src/formats/tar.ts';
import { runOk } from '../support/process.ts';
import { octal, paxRecord, rawEntry, rawTar } from '../support/raw-tar.ts';
import { temporaryFolder } from '../support/temp.ts';
import { needsTools, tool } from '../support/tools.ts';

const segment = fc
  .string({ unit: fc.constantFrom('a', 'b', 'Z', '0', '9', '_', '-', ' ', 'é', '漢'), minLength: 1, maxLength: 40 })
  .filter((text) => !text.startsWith('-'));
const path = fc.array(segment, { minLength: 1, maxLength: 8 }).map((parts) => parts.join('/'));
const file = fc.record({ path, body: fc.uint8Array({ maxLength: 1500 }) });
const files = fc
  .uniqueArray(file, { selector: (one) => one.path, maxLength: 12 })
  .filter((all) => !all.some((one) => all.some((other) => other.path.startsWith(`${one.path}/`))));

type File = { readonly path: string; readonly body: Uint8Array };

function sorted(entries: readonly File[]): [string, string][] {
  return entries
    .map((one): [string, string] => [one.path, Buffer.from(one.body).toString('hex')])
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function filesIn(tar: Buffer): [string, string][] {
  const entries = readTar(tar).entries.filter((entry) => entry.kind === 'file');
  return sorted(entries.map((entry) => ({ path: entry.path, body: entry.data })));
}

describe('the tar reader', () => {
  test('reads back whatever modern-tar writes', async () => {
    await fc.assert(
      fc.asyncProperty(files, async (all) => {
        const tar = await packTar(
          all.map((one) => ({ header: { name: one.path, size: one.body.length }, body: one.body })),
        );

        expect(filesIn(Buffer.from(tar))).toEqual(sorted(all));
      }),
      { numRuns: 100 },
    );
  });

  test.skipIf(needsTools('tar')).each(['ustar', 'pax', 'gnu', 'oldgnu', 'v7'])(
    'reads back whatever the system tar writes as %s',
    async (format) => {
      const folder = await temporaryFolder();
      const short = files.filter((all) => all.every((one) => Buffer.byteLength(one.path) < 95));
      let round = 0;
      await fc.assert(
        fc.asyncProperty(format === 'ustar' || format === 'v7' ? short : files, async (all) => {
          const root = join(folder, String((round += 1)));
          await mkdir(root);
          for (const one of all) {
            await mkdir(dirname(join(root, one.path)), { recursive: true });
            await writeFile(join(root, one.path), one.body);
          }
          const archive = `${root}.tar`;
          await runOk(tool('tar'), ['-C', root, '--format', format, '--transform', 's,^\\./,,', '-cf', archive, '.']);

          expect(filesIn(await readFile(archive))).toEqual(sorted(all));
        }),
        { numRuns: 12 },
      );
    },
    60_000,
  );

  test('finds in a damaged archive what modern-tar finds, or refuses it', async () => {
    const whole = await packTar([
      { header: { name: 'a/Chart.yaml', size: 5 }, body: 'hello' },
      { header: { name: `a/${'long/'.repeat(40)}name`, size: 3 }, body: 'abc' },
    ]);
    const damage = fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 3 }), async (all) => {
        const tar = Buffer.from(whole);
        for (const { at, byte } of all) tar[at] = byte;
        const theirs = await unpackTar(tar, { strict: true }).catch(() => []);
        const ours = attempt(() => filesIn(tar)) ?? regularNames(theirs).map((name) => [name]);

        expect(ours.map(([name]) => name)).toEqual(expect.arrayContaining(regularNames(theirs)));
      }),
      { numRuns: 500 },
    );
  });

  test('answers or refuses, and never runs away, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4096 }), (bytes) => {
        expect(attempt(() => readTar(Buffer.from(bytes))) ?? {}).toBeDefined();
      }),
    );
  });

  test.each<[string, Buffer]>([
    ['a size beyond the archive', rawTar({ name: 'x', size: octal(1e9) })],
    ['a size of 2^63', rawTar({ name: 'x', size: Buffer.from([0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0]) })],
    ['a negative size', rawTar({ name: 'x', size: Buffer.alloc(12, 0xff) })],
    ['a size that is no number', rawTar({ name: 'x', size: Buffer.from('-0000000001\0') })],
    ['a sparse file', rawTar({ name: 'x', type: 'S', size: octal(0) })],
    ['a pax sparse file', rawTar({ name: 'p', type: 'x', body: paxRecord('GNU.sparse.major', '1') }, { name: 'x' })],
    ['a negative pax size', rawTar({ name: 'p', type: 'x', body: paxRecord('size', '-512') }, { name: 'x' })],
    ['a zero byte in a pax path', rawTar({ name: 'p', type: 'x', body: paxRecord('path', 'a\0b') }, { name: 'x' })],
    ['a pax record without end', rawTar({ name: 'p', type: 'x', body: '99 path=x\n' }, { name: 'x' })],
    ['a pax record of length 0', rawTar({ name: 'p', type: 'x', body: '0 path=x\n' }, { name: 'x' })],
    ['a pax record without a key', rawTar({ name: 'p', type: 'x', body: '5 =x\n' }, { name: 'x' })],
    ['2 MiB of pax records', rawTar({ name: 'p', type: 'x', body: paxRecord('comment', 'x'.repeat(2 ** 21)) })],
    ['a wrong checksum', Buffer.concat([Buffer.alloc(512, 0x41), Buffer.alloc(1024)])],
    ['one empty block in the middle', Buffer.concat([Buffer.alloc(512), rawTar({ name: 'x' })])],
    ['half a header', rawEntry({ name: 'x' }).subarray(0, 300)],
    ['half a file', rawEntry({ name: 'x', body: 'x'.repeat(600) }).subarray(0, 900)],
  ])('refuses %s', (_what, tar) => {
    expect(() => readTar(tar)).toThrow(BadTar);
  });

  test('takes a numeric pax path as text, and a pax path before the name of the header', () => {
    const tar = rawTar({ name: 'p', type: 'x', body: paxRecord('path', '123') }, { name: 'ignored', body: 'hello' });

    expect(filesIn(tar)).toEqual([['123', Buffer.from('hello').toString('hex')]]);
  });

  test('forgets an extended header after the one entry it is for', () => {
    const tar = rawTar({ name: 'p', type: 'x', body: paxRecord('path', 'renamed') }, { name: 'a' }, { name: 'b' });

    expect(readTar(tar).entries.map((entry) => entry.path)).toEqual(['renamed', 'b']);
  });

  test('stops after as many headers as it may read, extended ones counted', () => {
    const many = Buffer.concat(Array.from({ length: 20 }, () => rawEntry({ name: 'x' })));
    const extended = Buffer.concat(Array.from({ length: 20 }, () => rawEntry({ name: 'p', type: 'g' })));

    expect(() => readTar(many, 19)).toThrow(TooManyEntries);
    expect(() => readTar(extended, 19)).toThrow(TooManyEntries);
    expect(readTar(many, 20).entries).toHaveLength(20);
  });

  test('skips no bytes for links, folders and devices, whatever size they claim', () => {
    const links = ['1', '2', '3', '4', '5', '6'].map((type) => ({ name: `n${type}`, type, size: octal(512) }));
    const tar = rawTar(...links, { name: 'file', body: 'hello' });

    expect(readTar(tar).entries.map((entry) => [entry.path, entry.kind, entry.data.length])).toEqual([
      ...['n1', 'n2', 'n3', 'n4'].map((name) => [name, 'other', 0]),
      ['n5', 'directory', 0],
      ['n6', 'other', 0],
      ['file', 'file', 5],
    ]);
  });
});

/** The result, or undefined when the archive was refused. Whatever else goes wrong is thrown. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof BadTar) return undefined;
    throw error;
  }
}

function regularNames(entries: Awaited<ReturnType<typeof unpackTar>>): string[] {
  return entries.filter(({ header, data }) => header.type === 'file' && data).map(({ header }) => header.name);
}
