import { expect, test } from 'vitest';

import { describeBytes } from '../../src/commands/sizes.ts';

test.each([
  [0, '0 bytes'],
  [1, '1 byte'],
  [1023, '1023 bytes'],
  [1024, '1.0 KiB'],
  [1_258_291, '1.2 MiB'],
  [1024 ** 2 - 1, '1.0 MiB'],
  [3 * 1024 ** 3, '3.0 GiB'],
  [5000 * 1024 ** 4, '5000.0 TiB'],
])('%d bytes are shown as %s', (bytes, text) => {
  expect(describeBytes(bytes)).toBe(text);
});
