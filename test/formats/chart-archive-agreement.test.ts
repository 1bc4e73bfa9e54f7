import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { describeArchive } from '../../src/formats/chart-archive.ts';
import { chartMetadata } from '../../src/formats/chart-metadata.ts';
import { archiveOf, oddCharts } from '../support/odd-charts.ts';
import { run } from '../support/process.ts';
import { needsTools, tool } from '../support/tools.ts';

type Row = Readonly<Record<string, unknown>>;

describe.skipIf(needsTools('helm4'))('a listing without an index says what helm repo index says of', () => {
  let folder: string;
  let rows: readonly Row[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chartroom-'));
    await Promise.all(oddCharts.map(({ files }, at) => writeFile(join(folder, `${at}.tgz`), archiveOf(files))));
    const { code, stderr } = await run(tool('helm4'), ['repo', 'index', '--json', folder], { env: { HOME: folder } });
    if (code !== 0) throw new Error(stderr);
    const { entries } = JSON.parse(await readFile(join(folder, 'index.yaml'), 'utf8')) as {
      readonly entries: Readonly<Record<string, readonly Row[]>>;
    };
    rows = Object.values(entries).flat();
  });
  afterAll(() => rm(folder, { recursive: true }));

  // by the rules that hold for rows of an index: some of what Helm writes is not for us to offer
  test.each(oddCharts.map((chart, at) => ({ ...chart, at })))('a chart with $about', ({ files, at }) => {
    const row = rows.find(({ urls }) => String(urls) === `${at}.tgz`);
    const described = row && chartMetadata(row);
    const said =
      described &&
      ('rejected' in described ? described : { chart: row['name'], version: row['version'], ...described });

    expect(describeArchive(archiveOf(files))).toEqual(said);
  });
});
