import { join } from 'node:path';

import { defineConfig } from 'vitest/config';

const ci = process.env['CI'] === 'true';
const resultFile = 'coverage/tests.json';

// Every program, thread and test file begins with the same modules: what was compiled once is not compiled again.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules/.cache/compiled');

/** Two projects: quick tests share the machine; those that start real tools come after them, and get more time. */
export default defineConfig({
  // outlives `npm ci`, so that the files that took longest begin first
  cacheDir: '.tools/vite',
  test: {
    reporters: ci ? ['default', ['json', { outputFile: resultFile }]] : ['default'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/image/**', 'test/process/**'],
          setupFiles: ['test/support/loopback-only.ts'],
          testTimeout: 30_000,
          hookTimeout: 30_000,
          // vitest would leave one processor to itself
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts', 'test/image/**/*.test.ts', 'test/process/**/*.test.ts'],
          setupFiles: ['test/support/loopback-only.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
