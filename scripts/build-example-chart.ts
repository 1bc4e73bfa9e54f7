import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { packTar } from 'modern-tar';

const source = 'config/charts-src/hello-chartroom';
const archive = 'config/charts/hello-chartroom-0.1.0.tgz';

/** A chart's folder as an archive: the same files make the same bytes on every machine. */
export async function packChart(folder: string, chart: string): Promise<Buffer> {
  const names = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort((a, b) => chartFileRank(a) - chartFileRank(b) || (a < b ? -1 : 1));
  const entries = names.map(async (name) => {
    const body = await readFile(join(folder, name));
    return { header: { name: `${chart}/${name}`, size: body.length, mtime: new Date(0), mode: 0o644 }, body };
  });
  // Stored, not deflated: compressors differ between machines. The tenth byte names the system that compressed.
  const zipped = gzipSync(await packTar(await Promise.all(entries)), { level: 0 });
  zipped[9] = 255;
  return zipped;
}

/** Helm puts Chart.yaml first. */
function chartFileRank(name: string): number {
  return name === 'Chart.yaml' ? 0 : 1;
}

if (import.meta.main) await writeFile(archive, await packChart(source, 'hello-chartroom'));
