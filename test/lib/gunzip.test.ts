import { gzipSync } from 'node:zlib';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { TooManyBytes } from '../../src/lib/bytes.ts';
import { BadGzip, gunzip } from '../../src/lib/gunzip.ts';

const mib = 1024 * 1024;

describe('gunzip', () => {
  test('gives back what was compressed, in one member or in several', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 3000 }), { minLength: 1, maxLength: 5 }), (parts) => {
        const { bytes, trailing } = gunzip(Buffer.concat(parts.map((part) => gzipSync(part))), mib);

        expect(bytes.equals(Buffer.concat(parts))).toBe(true);
        expect(trailing).toBe(false);
      }),
    );
  });

  test('refuses every beginning of compressed bytes that is not all of them', () => {
    const whole = gzipSync(Buffer.from('hello '.repeat(100)));
    for (let length = 0; length < whole.length; length += 1) {
      expect(() => gunzip(whole.subarray(0, length), mib)).toThrow(BadGzip);
    }
  });

  test('refuses bytes whose checksum or length is wrong', () => {
    for (const fromEnd of [1, 4, 5, 8]) {
      const damaged = Buffer.from(gzipSync('hello'));
      damaged[damaged.length - fromEnd] = (damaged[damaged.length - fromEnd] ?? 0) ^ 1;

      expect(() => gunzip(damaged, mib)).toThrow(BadGzip);
      expect(() => gunzip(Buffer.concat([damaged, Buffer.from('more')]), mib)).toThrow(BadGzip);
    }
  });

  test('takes zeros behind the end as padding, and says that other bytes follow', () => {
    const whole = gzipSync('hello');

    expect(gunzip(Buffer.concat([whole, Buffer.alloc(100)]), mib)).toEqual({
      bytes: Buffer.from('hello'),
      trailing: false,
    });
    expect(gunzip(Buffer.concat([whole, Buffer.from('garbage')]), mib)).toEqual({
      bytes: Buffer.from('hello'),
      trailing: true,
    });
  });

  test('finds the end also behind a header with a name, a comment, extra bytes and a checksum', () => {
    const plain = gzipSync('hello');
    const extra = Buffer.from([3, 0, 1, 2, 3]);
    const header = Buffer.concat([plain.subarray(0, 3), Buffer.from([0x1e]), plain.subarray(4, 10), extra]);
    const whole = Buffer.concat([header, Buffer.from('name\0comment\0'), Buffer.from([0, 0]), plain.subarray(10)]);
    const { crc32 } = process.getBuiltinModule('node:zlib');
    const checksumAt = header.length + 13;
    whole.writeUInt16LE(crc32(whole.subarray(0, checksumAt)) & 0xffff, checksumAt);

    expect(gunzip(whole, mib).bytes.toString()).toBe('hello');
    expect(gunzip(Buffer.concat([whole, Buffer.from('x')]), mib).trailing).toBe(true);
  });

  test('refuses a damaged second member instead of leaving it away', () => {
    const second = Buffer.from(gzipSync('second'));
    second[12] = 0xff;

    expect(() => gunzip(Buffer.concat([gzipSync('first'), second]), mib)).toThrow(BadGzip);
    expect(() => gunzip(Buffer.concat([gzipSync('first'), gzipSync('x').subarray(0, 12)]), mib)).toThrow(BadGzip);
  });

  test('stops at the limit, with and without bytes behind the end', () => {
    const bomb = gzipSync(Buffer.alloc(mib + 1));

    expect(() => gunzip(bomb, mib)).toThrow(TooManyBytes);
    expect(() => gunzip(Buffer.concat([bomb, Buffer.from('x')]), mib)).toThrow(TooManyBytes);
    expect(gunzip(gzipSync(Buffer.alloc(mib)), mib).bytes).toHaveLength(mib);
  });

  test('answers or refuses, whatever the bytes are', () => {
    const whole = gzipSync('hello '.repeat(50));
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.uint8Array({ maxLength: 30 }), (at, byte, tail) => {
        const bytes = Buffer.concat([whole, tail]);
        bytes[at] = byte;
        expect(['answered', 'BadGzip']).toContain(verdict(bytes));
      }),
    );
  });
});

function verdict(bytes: Uint8Array): string {
  try {
    gunzip(bytes, mib);
    return 'answered';
  } catch (error) {
    return error instanceof Error ? error.name : String(error);
  }
}
