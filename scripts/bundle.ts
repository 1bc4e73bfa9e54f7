import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { build, type Metafile } from 'esbuild';

/**
 * Bundles src/main.ts and src/worker.ts with everything they import into dist/, for the image and for
 * `npm install -g`. What is imported on demand stays in chunks of its own. Same sources, same bytes. Answers with what
 * went where.
 */
export async function bundle(outdir: string): Promise<Metafile> {
  await rm(outdir, { recursive: true, force: true });
  const { metafile } = await build({
    entryPoints: ['src/main.ts', 'src/worker.ts'],
    outdir,
    bundle: true,
    // All files in one folder, since main.js finds worker.js beside it.
    chunkNames: '[name]-[hash]',
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22.21',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'linked',
    // CommonJS packages inside a module still ask for `require`.
    banner: {
      js: "import { createRequire as bundleRequire } from 'node:module'; const require = bundleRequire(import.meta.url);",
    },
    metafile: true,
    logLevel: 'warning',
  });
  await chmod(join(outdir, 'main.js'), 0o755);
  return metafile;
}

if (import.meta.main) await bundle('dist');
