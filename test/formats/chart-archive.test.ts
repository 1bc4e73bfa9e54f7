import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { type ArchiveContents, checkArchive, inspectArchive } from '../../src/formats/chart-archive.ts';
import { parseYamlText } from '../../src/formats/safe-yaml.ts';
import { chartArchive } from '../support/charts.ts';
import { paxRecord, type RawEntry, rawEntry, rawTar } from '../support/raw-tar.ts';
import { needsSharedData, sharedData, type SharedRepository } from '../support/shared-data.ts';

const chartYaml = 'apiVersion: v2\nname: nginx\nversion: 1.2.3\n';
const chartFile: RawEntry = { name: 'nginx/Chart.yaml', body: chartYaml };

function archive(...entries: readonly RawEntry[]): Buffer {
  return gzipSync(rawTar(...entries));
}

function withChartYaml(body: string | Buffer): Buffer {
  return archive({ name: 'nginx/Chart.yaml', body });
}

/** In a word: what it is, or why it was refused. */
describe('what is inside an archive', () => {
  test('is its name, its version and every field of Chart.yaml as it was written', () => {
    const contents = inspectArchive(
      withChartYaml(
        'name: nginx\nversion: 1.10\nappVersion: 0x1f\ndeprecated: true\nicon: ~\nkeywords: [2024-01-01]\n',
      ),
    );

    expect(contents).toEqual({
      name: 'nginx',
      version: '1.10',
      fields: {
        name: 'nginx',
        version: '1.10',
        appVersion: '0x1f',
        deprecated: 'true',
        icon: null,
        keywords: ['2024-01-01'],
      },
    } satisfies ArchiveContents);
  });

  test('is found for every archive that can be packed from a name, a version and files', async () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,40}$/);
    const version = fc.tuple(fc.nat(99), fc.nat(99), fc.nat(99)).map((parts) => parts.join('.'));
    const files = fc.dictionary(fc.stringMatching(/^[a-z]{1,150}$/), fc.string({ maxLength: 2000 }), { maxKeys: 5 });
    await fc.assert(
      fc.asyncProperty(name, version, files, async (chart, version, more) => {
        const bytes = await chartArchive({ name: chart, version }, more);

        expect(checkArchive(bytes, { upstream: 'podinfo', chart, version })).toMatchObject({ name: chart, version });
      }),
      { numRuns: 50 },
    );
  });

  const repositories: readonly [SharedRepository, string][] = [
    ['argo', ''],
    ['grafana', 'packages'],
    ['podinfo', ''],
  ];
  test.skipIf(needsSharedData('argo', 'grafana', 'podinfo')).each(repositories)(
    'is what the index of %s says, for every archive there is',
    async (repository, folder) => {
      const rows = rowsByFile(await readFile(join(sharedData(repository), 'index.yaml'), 'utf8'));
      const archives = join(sharedData(repository), folder);
      const names = (await readdir(archives)).filter((name) => name.endsWith('.tgz'));

      expect(names.filter((file) => rows.has(file)).length).toBeGreaterThan(100);
      for (const file of names) {
        const { name, version } = inspectArchive(await readFile(join(archives, file)));
        const row = rows.get(file) ?? { name, version };
        expect({ file, name, version }).toEqual({ file, name: row.name, version: row.version });
      }
    },
    60_000,
  );
});

interface Row {
  readonly name: string;
  readonly version: string;
  readonly urls: readonly string[];
}

function rowsByFile(index: string): ReadonlyMap<string, Row> {
  const { entries } = parseYamlText(index) as { entries: Record<string, Row[]> };
  const rows = Object.values(entries).flat();
  return new Map(rows.map((row) => [row.urls[0]?.split('/').at(-1) ?? '', row]));
}

describe('an archive is read as Helm reads it:', () => {
  const extra = rawEntry({ name: 'nginx/values.yaml' });
  test.each<[string, Buffer]>([
    ['the folder may have any name', archive({ name: 'nginx-src/Chart.yaml', body: chartYaml })],
    ['the folder may be a dot', archive({ name: './', type: '5' }, { name: './Chart.yaml', body: chartYaml })],
    ['backslashes are slashes', archive({ name: 'nginx\\Chart.yaml', body: chartYaml })],
    ['doubled slashes and dots are nothing', archive({ name: 'nginx//./Chart.yaml', body: chartYaml })],
    ['a byte order mark is nothing', withChartYaml(`\ufeff${chartYaml}`)],
    ['a later key wins', withChartYaml(`name: other\n${chartYaml}`)],
    [
      'a later Chart.yaml wins',
      archive({ name: 'nginx/Chart.yaml', body: 'name: other\nversion: 1.0.0\n' }, chartFile),
    ],
    [
      'a link beside it leads nowhere',
      archive(chartFile, { name: 'nginx/Chart.lock', type: '2', linkname: '/etc/passwd' }),
    ],
    ['charts inside do not count', archive({ name: 'nginx/charts/x/Chart.yaml', body: 'name: x' }, chartFile)],
    ['old tar will do', archive({ ...chartFile, magic: '\0\0\0\0\0\0\0\0' })],
    ['the end marker may be missing', gzipSync(Buffer.concat([rawEntry(chartFile), extra]))],
    ['bytes behind the end marker do not count', gzipSync(Buffer.concat([rawTar(chartFile), Buffer.from('garbage')]))],
    ['zeros may follow', Buffer.concat([archive(chartFile), Buffer.alloc(5000)])],
    ['garbage may follow', Buffer.concat([archive(chartFile), Buffer.from('<html>')])],
    [
      'it may be compressed in several pieces',
      Buffer.concat([gzipSync(rawEntry(chartFile)), gzipSync(extra), gzipSync(Buffer.alloc(1024))]),
    ],
    [
      'a long name may stand in an extended header',
      archive({ name: 'p', type: 'x', body: paxRecord('path', 'nginx/Chart.yaml') }, { ...chartFile, name: 'short' }),
    ],
  ])('%s', (_rule, bytes) => {
    expect(inspectArchive(bytes)).toMatchObject({ name: 'nginx', version: '1.2.3' });
  });
});

describe('checking an archive', () => {
  const expected = { upstream: 'podinfo', chart: 'nginx', version: '1.2.3' };

  test.each([
    ['evil', '1.2.3', '"evil" "1.2.3"'],
    ['nginx', '9.9.9', '"nginx" "9.9.9"'],
    ['nginx', '1.2.3+build', '"nginx" "1.2.3+build"'],
    ['nginx', 'v1.2.3', '"nginx" "v1.2.3"'],
    ['../x', '1.2.3', '"../x" "1.2.3"'],
    ['.', '1.2.3', '"." "1.2.3"'],
  ])('refuses %s %s where something else was promised, and names it', (name, version, named) => {
    const bytes = withChartYaml(`name: ${JSON.stringify(name)}\nversion: ${version}\n`);

    expect(() => checkArchive(bytes, expected)).toThrow(
      expect.objectContaining({
        code: 'archive-invalid',
        message: `podinfo: the archive of nginx 1.2.3 holds ${named}.`,
      }),
    );
  });

  test('says which upstream, chart and version it was when nothing can be read', () => {
    expect(() => checkArchive(Buffer.from('<html>'), expected)).toThrow(
      /^podinfo: the archive of nginx 1\.2\.3 cannot/,
    );
  });

  test('never repeats control characters of an archive in a message', () => {
    const bytes = withChartYaml('name: "a\\r\\nb\\e[31m\\u202e"\nversion: 1.2.3\n');

    expect(() => checkArchive(bytes, expected)).toThrow('holds "a??b?[31m?" "1.2.3".');
  });

  test('keeps what it does not know out of the way of every object', () => {
    const { fields } = inspectArchive(withChartYaml(`${chartYaml}__proto__: {polluted: yes}\nconstructor: x\n`));

    expect(Object.keys(fields)).toContain('__proto__');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(Object.getPrototypeOf(fields)).toBe(Object.prototype);
  });
});
