import { oneRow } from './indexes.ts';

const lines = (count: number, line: (at: number) => string): string => {
  const all: string[] = [];
  for (let at = 0; at < count; at += 1) all.push(line(at));
  return `${all.join('\n')}\n`;
};

const nested = (depth: number): string => `${'['.repeat(depth)}x${']'.repeat(depth)}`;

/** One row with further lines, each indented by four. */
const inRow = (more: string): string => `${oneRow()}${more}`;

/** Each level refers ten times to the one before. */
function laughs(levels: number, indentation = ''): string {
  const items = (at: number): string =>
    Array<string>(10)
      .fill(at === 0 ? 'x' : `*a${at - 1}`)
      .join(', ');
  return lines(levels, (at) => `${indentation}a${at}: &a${at} [${items(at)}]`);
}

const merges = (count: number): string =>
  lines(count, (at) => `m${at}: &m${at} {${at === 0 ? '' : `<<: *m${at - 1}, `}k${at}: v}`);

const json = (more: string): string =>
  `{"apiVersion":"v1","entries":{"nginx":[{"name":"nginx","version":"1.0.0","urls":["a"],"x":${more}}]}}`;

const longText = 'y'.repeat(100_000);
const longItems = 'x, '.repeat(50_000);

/** Indexes that are built to take much time or memory, by what they are. Made when asked for: some are large. */
export const indexBombs: Readonly<Record<string, () => string | Buffer>> = {
  'aliases of aliases of aliases': () => `apiVersion: v1\n${laughs(12)}entries: {}\n`,
  'aliases of aliases for keywords': () =>
    `${laughs(12)}entries:\n  n:\n  - {name: n, version: 1.0.0, urls: [x], keywords: *a11}\n`,
  'aliases of aliases under unknown keys': () => inRow(laughs(12, '    ')),
  'a long alias for each keyword': () =>
    inRow(`    x: &t ${longText.slice(0, 1000)}\n    keywords: [${'*t, '.repeat(1999)}]\n`),
  'a long alias for each annotation': () =>
    inRow(`    x: &t ${longText}\n    annotations:\n${lines(1000, (at) => `      k${at}: *t`)}`),
  'aliases of lists for each dependency': () =>
    inRow(
      `    tagz: &t [${'"", '.repeat(1999)}]\n    d: &d {name: a, tags: *t, import-values: *t}\n` +
        `    dependencies: [${'*d, '.repeat(1999)}]\n`,
    ),
  'one large row under an alias, 20,000 times': () =>
    `base: &r {name: nginx, version: 1.0.0, urls: [a], description: ${longText}}\nentries:\n  nginx:\n` +
    lines(20_000, () => '  - *r'),
  'many urls under an alias, 20,000 times': () =>
    `base: &r [${lines(20_000, (at) => `  u${at},`)}  u]\nentries:\n  nginx:\n` +
    lines(20_000, (at) => `  - {name: nginx, version: 1.0.${at}, urls: *r}`),
  'an alias of itself': () => inRow('    x: &a [*a]\n'),
  'a chart that is its own row': () => 'entries:\n  nginx: &n\n  - *n\n',
  'aliases nested 5,000 deep': () =>
    inRow(`    y0: &y0 [x]\n${lines(5000, (at) => `    y${at + 1}: &y${at + 1} [*y${at}]`)}`),
  '1,000,000 anchors': () => inRow(`    x:\n${lines(1e6, (at) => `    - &a${at} v`)}`),
  '1,000,000 aliases': () => inRow(`    y: &a v\n    x:\n${'    - *a\n'.repeat(1e6)}`),
  'a chain of 4,000 merges': () => `${merges(4000)}entries: {}\n`,
  'a chain of 40,000 merges': () => `${merges(40_000)}entries: {}\n`,
  'a long list under an alias for each key': () =>
    inRow(`    x: &l [${longItems}]\n    y:\n${lines(15_000, () => '    - ? *l\n      : v')}`),
  'a long list for each key within itself': () =>
    inRow(`    x: &l [{? *l : v}, ${longItems}${'{? *l : v}, '.repeat(15_000)}]\n`),
  'a long text under an alias for each item of a key': () =>
    inRow(`    x: &t ${longText}\n    y:\n${lines(1500, () => `    - ? [${'*t, '.repeat(100)}]\n      : v`)}`),
  'lists nested 5,000 deep': () => inRow(`    x: ${nested(5000)}\n`),
  'lists nested 50,000 deep': () => inRow(`    x: ${nested(50_000)}\n`),
  'mappings nested 5,000 deep': () => inRow(lines(5000, (at) => `${' '.repeat(at + 4)}a:`)),
  'one scalar of 10 MB': () => inRow(`    description: ${'x'.repeat(10e6)}\n`),
  'one block scalar of 10 MB': () => inRow(`    description: |\n${`      ${'x'.repeat(66)}\n`.repeat(150_000)}`),
  'one quoted scalar of escapes': () => inRow(`    description: "${'\\u0085'.repeat(1.5e6)}"\n`),
  'one explicit key of 10 MB': () => inRow(`    ? ${'k'.repeat(10e6)}\n    : v\n`),
  'a version of 1 MB': () => oneRow().replace('1.0.0', `1.0.0-${'a.'.repeat(5e5)}a`),
  '5,000,000 keys': () => inRow(`    x:\n${lines(5e6, (at) => `     ${at}:`)}`),
  '1,000,000 charts': () => `entries:\n${lines(1e6, (at) => `  k${at}: []`)}`,
  '1,000,000 empty rows': () => `entries:\n  nginx:\n${'  -\n'.repeat(1e6)}`,
  'an ordered map of 20,000': () => inRow(`    x: !!omap\n${lines(20_000, (at) => `    - k${at}: v`)}`),
  'a tag that makes a function': () => inRow('    x: !!js/function "function(){}"\n'),
  '20 MB of binary': () => inRow(`    x: !!binary "${'A'.repeat(20e6)}"\n`),
  'JSON nested 5,000 deep': () => json(`${'['.repeat(5000)}${']'.repeat(5000)}`),
  'JSON nested 1,000,000 deep': () => json('['.repeat(1e6)),
  'JSON with 1,000,000 keys': () => json(`{${lines(1e6, (at) => `"k${at}":1,`)}"k":1}`),
  'JSON with 1,000,000 charts': () => `{"entries":{${lines(1e6, (at) => `"k${at}":[],`)}"k":[]}}`,
  'JSON with 5,000,000 backslashes': () => json(`"${'\\'.repeat(5e6)}"`),
  'braces without end': () => '{'.repeat(20e6),
  'zeros without end': () => Buffer.alloc(10e6),
  'blanks without end': () => ' \n'.repeat(10e6),
};
