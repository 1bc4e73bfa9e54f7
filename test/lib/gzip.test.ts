import { gunzipSync } from 'node:zlib';

import fc from 'fast-check';
import { expect, it } from 'vitest';

import { deflatePiece, gzipOf, gzipPieces } from '../../src/lib/gzip.ts';

it('compresses text in pieces to one gzip member that unpacks to all of it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }),
      fc.constantFrom(1, 6, 9),
      (all, level) => {
        const text = Buffer.concat(all);
        expect(gunzipSync(gzipPieces(all, level)).equals(text)).toBe(true);
        const deflated = all.map((piece) => deflatePiece(piece, level));
        expect(gunzipSync(gzipOf(deflated, all)).equals(text)).toBe(true);
      },
    ),
  );
});

it('compresses megabytes, wherever the pieces end, to equal bytes', () => {
  const text = Buffer.from(Array.from({ length: 200_000 }, (_, at) => `line ${at * 7919}\n`).join(''));
  const cut = [text.subarray(0, 1), text.subarray(1, 1_500_000), text.subarray(1_500_000)];
  const packed = gzipPieces(cut, 1);
  expect(gunzipSync(packed).equals(text)).toBe(true);
  expect(Buffer.from(gzipPieces([text], 1)).equals(packed)).toBe(true);
  expect(packed.byteLength).toBeLessThan(text.length / 3);
});
