import { readFile } from 'node:fs/promises';

import fc from 'fast-check';
import { dump } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { Fault } from '../../src/chart/fault.ts';
import type { PieceMemory } from '../../src/formats/index.ts';
import { parseYamlText } from '../../src/formats/safe-yaml.ts';
import type { SharedTable } from '../../src/lib/shared-table.ts';
import { catalogAfter, claimsOf, readText, rowYaml, textOf, wordsOf } from '../support/indexes.ts';
import { needsSharedData, sharedData, type SharedRepository } from '../support/shared-data.ts';

/** What a reading says, or the code of its fault. */
function outcomeOf(text: string, pieces?: PieceMemory, known?: SharedTable): string {
  try {
    const { claims, rejected, examples } = readText(text, pieces, known);
    return `${textOf(claims)}${JSON.stringify([rejected, examples.toSorted()])}`;
  } catch (error) {
    if (error instanceof Fault) return error.code;
    throw error;
  }
}

/** With an anchor in its frame a document cannot be cut, and is read as a whole. */
const whole = (text: string): string => outcomeOf(`x-anchor: &elsewhere b\n${text}`);

const isCut = (text: string): boolean => {
  const memory: PieceMemory = new Map();
  outcomeOf(text, memory);
  return memory.size > 0;
};

const styles: Readonly<Record<string, (index: unknown) => string>> = {
  'as Helm writes it': (index) => dump(index, { noArrayIndent: true, lineWidth: -1, noRefs: true }),
  'with indented lists': (index) => dump(index, { noRefs: true }),
  'with short lines': (index) => dump(index, { lineWidth: 20, noRefs: true, noArrayIndent: true }),
  'in double quotes': (index) => dump(index, { forceQuotes: true, quotingType: '"', noRefs: true }),
  'indented by four': (index) => dump(index, { indent: 4, noRefs: true }),
  'in flow style below the charts': (index) => dump(index, { flowLevel: 2, noRefs: true }),
  'in flow style': (index) => dump(index, { flowLevel: 0, noRefs: true }),
  'by another library': (index) => stringify(index, { aliasDuplicateObjects: false }),
  'by another library, with block scalars': (index) =>
    stringify(index, { aliasDuplicateObjects: false, defaultStringType: 'BLOCK_LITERAL' }),
  'with the ends of lines of another system': (index) => dump(index, { noRefs: true }).replaceAll('\n', '\r\n'),
};

const word = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => !/[\r\n\u0000-\u0008]/.test(text));
const lines = fc.array(fc.oneof(word, fc.constantFrom('  nginx:', '  - x', 'entries:', '# no comment', '---', '')));
const row = fc.record(
  {
    version: fc.constantFrom('1.0.0', '1.10', '2.0.0-rc.1', 'latest'),
    urls: fc.array(fc.constantFrom('a.tgz', 'b.tgz', 'https://c.corp/d.tgz'), { maxLength: 2 }),
    description: lines.map((all) => all.join('\n').replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f\ufeff]/g, '')),
    keywords: fc.array(fc.constantFrom('web', 'yes', '1.0', '~')),
    'x-custom': fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom('1', 'no')),
  },
  { requiredKeys: ['version'] },
);
const names = fc.constantFrom('nginx', 'loki', 'a-b', 'constructor', 'toString', 'x.y', '1', 'yes', 'null', '../x');
const entries = fc.dictionary(names, fc.array(fc.oneof({ weight: 9, arbitrary: row }, fc.constant(null))), {
  noNullPrototype: true,
});
const index = entries.map((charts) => ({
  apiVersion: 'v1',
  entries: Object.fromEntries(
    Object.entries(charts).map(([name, rows]) => [name, rows.map((one) => one && { name, ...one })]),
  ),
  generated: '2024-01-01T00:00:00Z',
}));

describe('reading an index piece by piece', () => {
  it.each(Object.entries(styles))('says what reading its JSON says: written %s', (_, write) => {
    fc.assert(
      fc.property(index, (any) => {
        expect(outcomeOf(write(any))).toBe(outcomeOf(JSON.stringify(any)));
      }),
      { numRuns: 60 },
    );
  });

  it('says what reading it as a whole says, or finds the same fault, however broken it is', () => {
    const sample = `apiVersion: v1\nentries:\n  nginx:\n${rowYaml('nginx', '1.0.0', 'description: |', '  a', '', '  b: c')}\
${rowYaml('nginx', '2.0.0', 'home: "x', '  y"', "icon: 'it''s'")}  # a comment\n  loki:\n\n${rowYaml('loki', '1.0.0')}\
generated: "2024-01-01T00:00:00Z"\n`;
    // what stands before it would change the meaning of the line that makes it a whole
    const firstLine = 'apiVersion: v1\n'.length;
    const token = fc.constantFrom(
      ...[
        '\n',
        '  ',
        ' ',
        ':',
        '- ',
        '"',
        "'",
        '|',
        '>',
        '{',
        '}',
        '[',
        ']',
        ',',
        '#',
        '?',
        '&a ',
        '*a',
        '!',
        '%',
        '\t',
      ],
      ...[
        '\n---\n',
        '\n...\n',
        '\nentries:\n',
        '\n  nginx:\n',
        '\n  "nginx": []\n',
        '\n# x\n',
        '\r',
        '\r\n',
        '<<: ',
        '\\',
      ],
    );
    const edit = fc.record({
      at: fc.integer({ min: firstLine, max: sample.length }),
      remove: fc.nat(6),
      insert: fc.option(token, { nil: '' }),
    });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        const text = edits.reduce(
          (before, { at, remove, insert }) => before.slice(0, at) + insert + before.slice(at + remove),
          sample,
        );
        expect(outcomeOf(text)).toBe(whole(text));
      }),
      { numRuns: 1500 },
    );
  });

  it('is how the styles of the common tools are read, so that only what changed is parsed', () => {
    const charts = { apiVersion: 'v1', entries: { nginx: [{ name: 'nginx', version: '1', urls: ['x'] }], loki: [] } };
    const cut = Object.entries(styles).filter(([, write]) => isCut(write(charts)));
    expect(cut.map(([name]) => name)).toEqual([
      'as Helm writes it',
      'with indented lists',
      'with short lines',
      'in double quotes',
      'in flow style below the charts',
      'by another library',
      'with the ends of lines of another system',
    ]);
  });
});

it('an index with comments and empty lines, in any order, is read piece by piece as well', () => {
  const charts = `\n  nginx:\n${rowYaml('nginx', '1.0.0')}\n# a comment\n    # another\n  loki: []\n\n`;
  for (const text of [
    `apiVersion: v1\nentries:\n${charts}generated: x\n`,
    `generated: x\napiVersion: v1\nentries:  \n${charts}`,
    `---\nentries:\r\n${charts}serverInfo:\n  contextPath: /x\napiVersion: v1`,
    `entries:\n${charts}`,
  ]) {
    const memory: PieceMemory = new Map();
    expect(wordsOf(claimsOf(readText(text, memory).claims))).toEqual(['nginx 1.0.0']);
    expect(memory.size).toBe(2);
  }
});

describe('an index whose charts share anchors', () => {
  it.each([
    [
      'from one chart to the next',
      `  a:\n  - &r {name: a, version: 1.0.0, urls: &u [x]}\n  b:\n  - {name: b, version: 1, urls: *u}\n`,
    ],
    [
      'within one chart',
      `  a:\n  - {name: a, version: 1.0.0, urls: &u [x]}\n  - {name: a, version: 2.0.0, urls: *u}\n`,
    ],
    ['by merge keys', `  a:\n  - &r {name: a, version: 1.0.0, urls: [x]}\n  - {<<: *r, version: 2.0.0}\n`],
  ])('is read as a whole: %s', (_, charts) => {
    const memory: PieceMemory = new Map();
    const contents = readText(`entries:\n${charts}`, memory);
    expect(claimsOf(contents.claims)).toHaveLength(2);
    expect([contents.rejected, memory.size]).toEqual([{}, 0]);
  });
});

describe('an index that comes again with one chart changed', () => {
  const many = (changed: string): string =>
    `entries:\n${Array.from({ length: 50 }, (_, at) => `  c${at}:\n${rowYaml(`c${at}`, at === 7 ? changed : '1.0.0')}`).join('')}`;

  it('says what a fresh reading says, and remembers only what it consists of now', () => {
    const memory: PieceMemory = new Map();
    const known = catalogAfter(readText(many('1.0.0'), memory).claims);
    const before = new Map(memory);
    for (const version of ['1.1.0', '1.2.0', '1.3.0', 'latest']) {
      expect(outcomeOf(many(version), memory, known)).toBe(outcomeOf(many(version)));
      expect(memory.size).toBe(50);
    }
    const kept = [...memory].filter(([key, rows]) => before.get(key) === rows);
    expect(kept).toHaveLength(49);
    readText('entries:\n  only: []\n', memory);
    expect(memory.size).toBe(1);
  });

  it('keeps what it remembers when an index in between is none', () => {
    const memory: PieceMemory = new Map();
    readText(many('1.0.0'), memory);
    for (const bad of ['<html>', `${many('1.1.0')}  c1:\n   - [\n`, '']) expect(() => readText(bad, memory)).toThrow();
    expect(memory.size).toBe(50);
  });
});

const repositories: readonly SharedRepository[] = ['argo', 'grafana', 'ingress-nginx', 'metrics-server', 'podinfo'];

describe.skipIf(needsSharedData(...repositories))('a real index', () => {
  it.each(repositories)(
    'says the same in every style: %s',
    async (name) => {
      const original = await readFile(`${sharedData(name)}/index.yaml`, 'utf8');
      const document = parseYamlText(original);
      const expected = outcomeOf(original);
      expect(isCut(original)).toBe(true);
      expect(whole(original)).toBe(expected);
      expect(outcomeOf(JSON.stringify(document))).toBe(expected);
      const fast = Object.entries(styles).filter(([style]) => !style.startsWith('by another library'));
      for (const [style, write] of name === 'grafana' ? fast.slice(0, 1) : fast) {
        expect([style, outcomeOf(write(document)) === expected]).toEqual([style, true]);
      }
    },
    60_000,
  );

  it('has a version nine times in ingress-nginx, which is one version', async () => {
    const { claims, rejected } = readText(await readFile(`${sharedData('ingress-nginx')}/index.yaml`));
    const words = wordsOf(claimsOf(claims));
    expect(rejected).toEqual({});
    expect(new Set(words).size).toBeLessThan(177);
    const all = parseYamlText(await readFile(`${sharedData('ingress-nginx')}/index.yaml`, 'utf8')) as {
      readonly entries: Record<string, readonly { readonly version: string }[]>;
    };
    expect(Object.values(all.entries).flat()).toHaveLength(177);
    const versions = new Set(
      Object.values(all.entries)
        .flat()
        .map(({ version }) => version),
    );
    expect(new Set(words.map((one) => one.split(' ')[1]))).toEqual(versions);
  });
});
