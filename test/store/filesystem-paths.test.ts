import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { isTaken, keyOfFile, mayHold, namesOfKey, textOfFolder } from '../../src/store/filesystem-paths.ts';
import { isKey } from '../../src/store/keys.ts';

const letters = [...'abcXYZ019._+~-'];
const segment = fc
  .oneof(
    fc.string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength: 12 }),
    fc.string({ unit: fc.constantFrom('A', 'b'), minLength: 230, maxLength: 240 }),
    fc.constantFrom('tmp', 'TMP', 't', 'mp', 'lost+found', 'Chart.yaml', 'chart.yaml'),
  )
  .filter((text) => text !== '.' && text !== '..');
const key = fc
  .array(segment, { minLength: 1, maxLength: 4 })
  .map((segments) => segments.join('/'))
  .filter(isKey);

/** What a walk over the folders makes of the names. */
function readBack(names: readonly string[]): string | undefined {
  const text = names.slice(0, -1).reduce(textOfFolder, '');
  return keyOfFile(text, names);
}

describe('keys as paths', () => {
  it('come back from the disk as they were', () => {
    fc.assert(
      fc.property(key, (one) => {
        expect(readBack(namesOfKey(one))).toBe(one);
      }),
    );
  });

  it('stay apart where upper and lower case are the same', () => {
    fc.assert(
      fc.property(key, key, (one, other) => {
        fc.pre(one !== other);
        expect(namesOfKey(one).join('/').toLowerCase()).not.toBe(namesOfKey(other).join('/').toLowerCase());
      }),
    );
    expect(namesOfKey('A').join('/').toLowerCase()).not.toBe(namesOfKey('a').join('/').toLowerCase());
  });

  it('fit where a name has 255 bytes, and never lead into a folder that belongs to others', () => {
    fc.assert(
      fc.property(key, (one) => {
        const names = namesOfKey(one);
        expect(names.every((name) => name.length > 0 && Buffer.byteLength(name) <= 255)).toBe(true);
        expect(isTaken(names[0] ?? '')).toBe(false);
        expect(names.some((name) => name === '.' || name === '..')).toBe(false);
      }),
    );
  });

  it('are found below every start of them', () => {
    fc.assert(
      fc.property(key, fc.nat(), (one, cut) => {
        const prefix = one.slice(0, cut % (one.length + 1));
        const folders = namesOfKey(one).slice(0, -1);
        folders.reduce((text, name) => {
          const below = textOfFolder(text, name);
          expect(mayHold(below, prefix)).toBe(true);
          return below;
        }, '');
      }),
    );
  });

  it('are not made of names that no key leads to', () => {
    for (const name of ['Upper', 'a b', 'x!', '!', '!!a', '!1']) expect(readBack([name])).toBeUndefined();
    expect(readBack(['t!', 'x'])).toBeUndefined();
  });
});
