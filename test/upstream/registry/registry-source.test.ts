import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../../src/chart/digest.ts';
import { listedSource, pinnedSource, readSource } from '../../../src/upstream/registry/source.ts';

const digest = fc.string().map((text) => digestOf(Buffer.from(text)));
const repository = fc.constantFrom('podinfo', 'charts/podinfo', 'a/b--c/d__e.f');
const file = fc.record({ digest, size: fc.nat({ max: Number.MAX_SAFE_INTEGER }) });
const files = fc.record({ archive: file, provenance: fc.option(file, { nil: undefined }) });
const empty = digestOf(Buffer.alloc(0));

describe('a pinned source', () => {
  it('is read as what it was made of, and is the plain form up to its first space', () => {
    fc.assert(
      fc.property(repository, digest, fc.option(files, { nil: undefined }), (name, reference, known) => {
        const source = pinnedSource(name, reference, known);
        const plain = pinnedSource(name, reference);
        const place = { name: plain, repository: name, reference };
        expect(source.split(' ')[0]).toBe(plain);
        expect(source).not.toMatch(/[\t\n]/);
        expect(readSource(source)).toEqual(known ? { ...place, files: known } : place);
      }),
    );
  });

  it('says that there is no provenance by not naming one', () => {
    const known = { archive: { digest: empty, size: 5 } };
    expect(pinnedSource('podinfo', empty, known)).toBe(`podinfo@${empty} archive=${empty},5`);
    expect(readSource(`podinfo@${empty} archive=${empty},5`)?.files?.provenance).toBeUndefined();
  });

  it('with anything cut off or added is none', () => {
    fc.assert(
      fc.property(
        repository,
        digest,
        files,
        fc.nat(),
        fc.string({ minLength: 1 }),
        (name, reference, known, at, more) => {
          const source = pinnedSource(name, reference, known);
          const cut = source.slice(0, at % source.length);
          const whole =
            /@sha256:[0-9a-f]{64}( archive=sha256:[0-9a-f]{64},\d+)?( provenance=sha256:[0-9a-f]{64},\d+)?$/;
          if (!whole.test(cut)) expect(readSource(cut)).toBeUndefined();
          if (!/^\d+$/.test(more)) expect(readSource(source + more)).toBeUndefined();
        },
      ),
    );
  });
});

describe('a source', () => {
  it('may be a tag, which has no files', () => {
    const name = 'charts/podinfo:1.0.0_b';
    const place = { name, repository: 'charts/podinfo', reference: '1.0.0_b', tag: '1.0.0_b' };
    expect(listedSource('charts/podinfo', '1.0.0_b')).toBe(name);
    expect(readSource(name)).toEqual(place);
    expect(readSource(`${name} archive=${empty},5`)).toBeUndefined();
  });

  it('may be a tag with what it pointed to when it was listed, which is what is opened', () => {
    const name = `charts/podinfo:1.0.0@${empty}`;
    expect(listedSource('charts/podinfo', '1.0.0', empty)).toBe(name);
    expect(readSource(name)).toEqual({ name, repository: 'charts/podinfo', reference: empty, tag: '1.0.0' });
    expect(readSource(`${name} archive=${empty},5`)).toBeUndefined();
  });

  it.each([
    '',
    ' ',
    'podinfo',
    'podinfo:',
    'podinfo@',
    'podinfo:1.0.0 ',
    'Podinfo:1.0.0',
    '../podinfo:1.0.0',
    'podinfo:a:b',
    'podinfo:a/b',
    'podinfo@sha256:abc',
    `podinfo:${empty}`,
    `podinfo:@${empty}`,
    'podinfo:1.0.0@',
    'podinfo:1.0.0@sha256:abc',
    `podinfo@${empty}:1.0.0`,
    `podinfo:1.0.0@${empty} `,
    `podinfo@${empty} `,
    `podinfo@${empty}\narchive=${empty},5`,
    `podinfo@${empty} archive=${empty}`,
    `podinfo@${empty} archive=${empty},05`,
    `podinfo@${empty} archive=${empty},-5`,
    `podinfo@${empty} provenance=${empty},5`,
    `podinfo@${empty}  archive=${empty},5`,
  ])('is not %j', (text) => {
    expect(readSource(text)).toBeUndefined();
  });
});
