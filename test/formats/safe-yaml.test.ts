import { describe, expect, it } from 'vitest';

import { parseYamlText } from '../../src/formats/safe-yaml.ts';

const nest = (depth: number): string => `${'['.repeat(depth)}x${']'.repeat(depth)}`;

describe('a YAML scalar', () => {
  it.each([
    '1.10',
    '1.0',
    '0x1F',
    '0o17',
    '010',
    '1_000',
    '1e3',
    '.5',
    '+1',
    '-0',
    '2024-01-01',
    '2024-01-01T00:00:00Z',
    '12:30:45',
    'yes',
    'No',
    'on',
    'TRUE',
    'false',
    '.inf',
    '.NaN',
    '=',
    '1.2.3',
  ])('that is not a string stays as it is written: %s', (text) => {
    expect(parseYamlText(`a: ${text}`)).toEqual({ a: text });
    expect(parseYamlText(`[${text}]`)).toEqual([text]);
  });

  it.each(['', '~', 'null', 'Null', 'NULL'])('that means nothing is null, unless it is in quotes: %j', (text) => {
    expect(parseYamlText(`a: ${text}`)).toEqual({ a: null });
    expect(parseYamlText(`a: "${text}"`)).toEqual({ a: text });
    expect(parseYamlText(`a: '${text}'`)).toEqual({ a: text });
  });
});

describe('a YAML document', () => {
  it('may use merge keys, anchors, block scalars and comments', () => {
    const text = 'base: &b {x: 1, y: 2} # comment\na:\n  <<: *b\n  y: 3\nb: |\n  # no comment\n  two\n"<<": text\n';
    expect(parseYamlText(text)).toEqual({
      base: { x: '1', y: '2' },
      a: { x: '1', y: '3' },
      b: '# no comment\ntwo\n',
      '<<': 'text',
    });
  });

  it('with a key named like a prototype has it as a key, and no other object changes', () => {
    const read = parseYamlText('{__proto__: {polluted: yes}, constructor: x}') as object;
    expect(Object.keys(read)).toEqual(['__proto__', 'constructor']);
    expect(Reflect.has({}, 'polluted')).toBe(false);
    expect(Reflect.has(read, 'polluted')).toBe(false);
  });

  it.each([
    ['a key twice', 'a: 1\na: 2\n'],
    ['a second document', 'a: 1\n---\nb: 2\n'],
    ['a tag that makes objects', 'a: !!js/function "function(){}"\n'],
    ['a tag that makes bytes', 'a: !!binary aGk=\n'],
    ['a tag that makes sets', 'a: !!omap [{b: c}]\n'],
    ['an unknown alias', 'a: *b\n'],
    ['a tab for indentation', 'a:\n\tb: c\n'],
    ['more than 100 levels', nest(101)],
  ])('with %s is refused', (_, text) => expect(() => parseYamlText(text)).toThrow());

  it('of 90 levels is read', () => expect(JSON.stringify(parseYamlText(nest(90)))).toBe(nest(90).replace('x', '"x"')));
});

describe('a YAML document that is built to be hard to read is refused:', () => {
  const doubling = (times: number): string =>
    Array.from({ length: times }, (_, at) => `a${at}: &a${at} [${at ? `*a${at - 1}, *a${at - 1}` : 'x, x'}]\n`).join(
      '',
    );

  it.each([
    ['aliases of aliases', doubling(40), 'too large'],
    ['a long text many times', `t: &t ${'x'.repeat(100_000)}\nl: [${'*t,'.repeat(200)}]\n`, 'too large'],
    ['an alias of itself', 'a: &a [*a]\n', 'nest deeper'],
    ['an alias of itself within merged keys', 'a: &a {b: {<<: *a}}\nc: &c {d: [*c]}\n', ''],
    ['aliases that nest', `y0: &y0 [x]\n${chain(200)}`, 'nest deeper'],
    ['very many anchors', Array.from({ length: 20_000 }, (_, at) => `- &a${at} x\n`).join(''), 'anchors'],
    ['very many keys', Array.from({ length: 150_000 }, (_, at) => `k${at}: x\n`).join(''), 'entries'],
    ['very many items', `[${'x,'.repeat(250_000)}]`, 'entries'],
  ])('%s', (_, text, words) => expect(() => parseYamlText(text)).toThrow(words));

  it('but not one with as many keys, items, anchors and aliases as people write', () => {
    const keys = Array.from({ length: 50_000 }, (_, at) => `k${at}: [x]\n`).join('');
    expect(Object.keys(parseYamlText(keys) as object)).toHaveLength(50_000);
    const shared = `m: &m [{name: A, email: a@b.c}]\nrows:\n${'- {maintainers: *m, version: 1.0}\n'.repeat(5000)}`;
    expect((parseYamlText(shared) as { rows: unknown[] }).rows).toHaveLength(5000);
    expect(parseYamlText(doubling(10))).toHaveProperty('a9');
  });

  function chain(length: number): string {
    return Array.from({ length }, (_, at) => `y${at + 1}: &y${at + 1} [*y${at}]\n`).join('');
  }
});

it('a document that may have no anchors is refused for one, and read without', () => {
  expect(() => parseYamlText('a: &a x\n', { maxAnchors: 0 })).toThrow('anchors');
  expect(() => parseYamlText('a: &a\n', { maxAnchors: 0 })).toThrow('anchors');
  expect(() => parseYamlText('a: &a\n  b: {c: d}\n', { maxAnchors: 0 })).toThrow('anchors');
  expect(() => parseYamlText('&a k: v\n', { maxAnchors: 0 })).toThrow('anchors');
  expect(parseYamlText('a: "&a"\nb: R&D\nc: x &y\n', { maxAnchors: 0 })).toEqual({ a: '&a', b: 'R&D', c: 'x &y' });
});
