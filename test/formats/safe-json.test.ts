import fc from 'fast-check';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { parseJsonText, safeJson } from '../../src/formats/safe-json.ts';

const text = fc.string({ unit: 'binary' }).map((any) => any.toWellFormed());
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    text,
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value')),
    fc.dictionary(fc.stringMatching(/^[ -~]{0,10}$/), tie('value'), { noNullPrototype: true }),
  ),
}));

describe('safe JSON', () => {
  it('is read alike by JSON, YAML 1.2 and YAML 1.1', () => {
    fc.assert(
      fc.property(value, (any) => {
        const written = safeJson({ any });
        expect(JSON.parse(written)).toEqual({ any });
        expect(load(written)).toEqual({ any });
        expect(parse(written, { version: '1.1', logLevel: 'error' })).toEqual({ any });
      }),
    );
  });

  it('has none of the characters that a YAML 1.1 reader refuses or folds, and none of the escapes', () => {
    fc.assert(
      fc.property(value, (any) => {
        const written = safeJson({ any });
        expect(written).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/);
        expect(written.replaceAll('\\\\', '')).not.toMatch(/\\\/|\\u[dD][89a-fA-F]/);
      }),
    );
  });

  it.each([
    ['a/b', '"a/b"'],
    ['\u0085\u2028\u2029\ufeff\ufffe\uffff', '"\\u0085\\u2028\\u2029\\ufeff\\ufffe\\uffff"'],
    ['\u007f\u009f\u0001', '"\\u007f\\u009f\\u0001"'],
    ['😀 ä € 中', '"😀 ä € 中"'],
  ])('writes %j as %s', (plain, written) => expect(safeJson(plain)).toBe(written));
});

describe('reading JSON', () => {
  it('gives what JSON.parse gives, but numbers as the text that was written', () => {
    fc.assert(
      fc.property(value, (any) => {
        expect(parseJsonText(JSON.stringify({ any }, null, 2))).toEqual({ any });
      }),
    );
    expect(
      parseJsonText('{"a":1.10,"b":[1e3,-0.0,12345678901234567890],"c":{"d":010e1}}'.replace('010e1', '10e1')),
    ).toEqual({
      a: '1.10',
      b: ['1e3', '-0.0', '12345678901234567890'],
      c: { d: '10e1' },
    });
    expect(parseJsonText('{"a":"1","b":true,"c":null}')).toEqual({ a: '1', b: true, c: null });
  });

  it('refuses a key that stands twice among the fields of a document and of what they hold, however written', () => {
    for (const twice of [
      '{"a":1,"a":2}',
      '{"a":{"b":1,"b":2}}',
      '{"a":{"b":[{}],"c":{},"b":[]}}',
      '{"a":{"\\u0062":1,"b":2}}',
      '{"a\\"}":1,"a\\"}":2}',
      '{"\\\\":1,"\\\\":2}',
      '{ "a" : { } , "a" : { } }',
      '[{"a":1,"a":2}]',
    ]) {
      expect(() => parseJsonText(twice)).toThrow('duplicated');
    }
    for (const once of [
      '{"a":{"b":1},"b":{"b":1}}',
      '{"a":"a","b":"a"}',
      '{"a":["a","a"],"b":[":",":"]}',
      '{"a":"\\",\\"a\\":","b":1}',
      '{"a":"\\\\","b":1}',
    ]) {
      expect(() => parseJsonText(once)).not.toThrow();
    }
  });

  it('refuses what is nested deeper than 100 levels or wider than 100,000', () => {
    expect(() => parseJsonText(`${'['.repeat(101)}${']'.repeat(101)}`)).toThrow('nesting');
    expect(() => parseJsonText(`{"a":${'['.repeat(1e6)}`)).toThrow('nesting');
    expect(() => parseJsonText(`[${'1,'.repeat(200_000)}1]`)).toThrow('entries');
    expect(() => parseJsonText(`[${'1,'.repeat(90_000)}1]`)).not.toThrow();
    expect(() => parseJsonText(`["${'[,{'.repeat(200_000)}"]`)).not.toThrow();
  });

  it('refuses what is no JSON, wherever it ends', () => {
    const whole = '{"a":{"b":["c\\"",1.5,{"d":null}]},"e":"\\\\"}';
    for (let end = 0; end < whole.length; end += 1) {
      expect(() => parseJsonText(whole.slice(0, end))).toThrow();
    }
    for (const bad of ['{a: b}', '{"a":1,}', "{'a':1}", '}', ']', ':', ',', '"', '"\\', '{"a" "b"}', '{:}']) {
      expect(() => parseJsonText(bad)).toThrow();
    }
  });
});
