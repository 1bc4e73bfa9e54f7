import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { reconcile } from '../../src/chart/reconcile.ts';
import { readIndex, type IndexContents, type PieceMemory } from '../../src/formats/index.ts';
import { tableOf, type SharedTable } from '../../src/lib/shared-table.ts';
import { catalogAfter, catalogOf, readText, rowYaml, textOf } from '../support/indexes.ts';

const version = fc.constantFrom('1.0.0', '1.1.0', '2.0.0-rc.1', 'latest');
const row = fc.record({ version, words: fc.constantFrom('a', 'b', 'x'.repeat(3000)) });
const rows = fc.array(row, { maxLength: 4 });
const index = fc.dictionary(fc.constantFrom('nginx', 'loki', 'a-b', '1', 'constructor'), rows, {
  noNullPrototype: true,
});

type Index = Readonly<Record<string, readonly { readonly version: string; readonly words: string }[]>>;

const yamlOf = (charts: Index): string =>
  `apiVersion: v1\nentries:\n${Object.entries(charts)
    .map(
      ([name, all]) => `  "${name}":\n${all.map((one) => rowYaml(name, one.version, `home: ${one.words}`)).join('')}`,
    )
    .join('')}`;
const jsonOf = (charts: Index): string =>
  JSON.stringify({
    apiVersion: 'v1',
    entries: Object.fromEntries(
      Object.entries(charts).map(([name, all]) => [
        name,
        all.map((one) => ({ name, version: one.version, home: one.words, urls: [`${name}.tgz`] })),
      ]),
    ),
  });

const saysOf = ({ claims, ...rest }: IndexContents): unknown => ({ ...rest, claims: textOf(claims) });
const bytesOf = ({ texts }: SharedTable): number => texts.reduce((sum, text) => sum + text.byteLength, 0);

describe('an index that is read beside the catalog it led to', () => {
  it('says what it says when nothing is known, whatever came before and whatever the catalog holds', () => {
    const reading = fc.record({ charts: index, write: fc.constantFrom(yamlOf, jsonOf), committed: fc.boolean() });
    fc.assert(
      fc.property(fc.array(reading, { minLength: 2, maxLength: 6 }), (readings) => {
        const memory: PieceMemory = new Map();
        let known = tableOf([]);
        for (const [at, { charts, write, committed }] of readings.entries()) {
          const contents = readText(write(charts), memory, known);
          expect(saysOf(contents)).toEqual(saysOf(readText(write(charts))));
          const now = `2024-01-0${at + 1}T00:00:00Z`;
          const input = { known, listed: contents.claims, held: tableOf([]), now, patience: 3, maxLoss: 1 };
          const fresh = reconcile({ ...input, listed: readText(write(charts)).claims });
          const catalog = catalogOf(reconcile(input));
          expect(textOf(catalog)).toBe(textOf(catalogOf(fresh)));
          if (committed) known = catalog;
        }
      }),
    );
  });

  const many = (changed: string): string =>
    yamlOf(
      Object.fromEntries(
        Array.from({ length: 300 }, (_, at) => [
          `c${at}`,
          ['1.0.0', '2.0.0'].map((one) => ({
            version: one,
            words: at === 7 && one === '2.0.0' ? changed : 'x'.repeat(5000),
          })),
        ]),
      ),
    );

  it('has its text in common with that catalog, but for the rows that changed', () => {
    const memory: PieceMemory = new Map();
    const known = catalogAfter(readText(many('before'), memory).claims);
    for (const pieces of [memory, new Map()]) {
      const { claims } = readText(many('after'), pieces, known);
      const own = { ...claims, texts: claims.texts.filter((text) => !known.texts.includes(text)) };
      expect(claims.texts.length).toBeGreaterThan(1);
      // what stands in a text of which little is left may be written anew
      expect(bytesOf(own)).toBeLessThan(bytesOf(known) / 4);
    }
  });

  it('gives only the chart that is asked for, and remembers the others all the same', () => {
    const memory: PieceMemory = new Map();
    const known = catalogAfter(readText(many('before'), memory).claims);
    const body = Buffer.from(many('after'));
    const ask = (chart: string) => readIndex({ upstream: 'x', body, gzip: false, maxBytes: 1e8, chart }, memory);
    expect(textOf(ask('c7').claims).match(/^c7\t[^\t]+/gm)).toEqual(['c7\t2.0.0', 'c7\t1.0.0']);
    expect(textOf(ask('c8').claims).match(/^[^\t]+\t[^\t]+/gm)).toEqual(['c8\t2.0.0', 'c8\t1.0.0']);
    expect(textOf(ask('none').claims)).toBe('');
    expect(memory.size).toBe(300);
    expect(saysOf(readText(many('before'), memory, known))).toEqual(saysOf(readText(many('before'))));
  });
});
