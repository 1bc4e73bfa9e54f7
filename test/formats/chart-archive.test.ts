import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  type ArchiveContents,
  checkArchive,
  describeArchive,
  inspectArchive,
} from '../../src/formats/chart-archive.ts';
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
  test('is its name, its version and every field that Helm reads, as Helm reads it', () => {
    const contents = inspectArchive(
      withChartYaml(
        'version: 1.10\nname: nginx\nappVersion: 0x1f\ndeprecated: yes\nicon: ~\nkeywords: [2024-01-01]\nengine: gotpl\n',
      ),
    );

    expect(contents).toEqual({
      name: 'nginx',
      version: '1.1',
      config: {
        name: 'nginx',
        version: '1.1',
        keywords: ['2024-01-01'],
        apiVersion: 'v1',
        appVersion: '31',
        deprecated: true,
      },
      misfit: false,
    } satisfies ArchiveContents);
  });

  test('is found for every archive that can be packed from a name, a version and files', async () => {
    // no word beginning with c is a truth in YAML 1.1
    const name = fc.stringMatching(/^c[a-z0-9-]{0,40}$/);
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
    ['a later document is not read', withChartYaml(`${chartYaml}---\nname: other\nversion: [`)],
    ['a later document may be nothing', withChartYaml(`---\n${chartYaml}---\n`)],
    ['tags of its own are nothing', withChartYaml('!c\nname: !n nginx\nversion: 1.2.3\nx: !l [!m {a: !s }]\n')],
    ['code is text', withChartYaml(`name: nginx\nversion: !!js/regexp 1.2.3\nx: !!js/function 'y'\n`)],
    ['fields may be spelt in other letters', withChartYaml('Name: nginx\nVERSION: 1.2.3')],
    ['a later Chart.yaml may be nothing', archive(chartFile, { ...chartFile, body: '' })],
    ['what cannot be seen is not in a name', withChartYaml('name: "\\u202enginx\\e"\nversion: 1.2.3')],
    [
      'requirements.yaml is read over it',
      archive({ name: 'nginx/requirements.yaml', body: 'name: nginx' }, { ...chartFile, body: 'version: 1.2.3' }),
    ],
    [
      'requirements.yaml need not be YAML',
      archive(chartFile, { name: 'nginx/requirements.yaml', body: 'name: other\nx: [' }),
    ],
    [
      'several Chart.yaml say together what it is',
      archive({ name: 'nginx/Chart.yaml', body: 'name: nginx' }, { ...chartFile, body: 'version: 1.2.3' }),
    ],
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
    const bytes = withChartYaml('name: "a\\r\\nb\\e[31m\\u202e"\nversion: "1\\r\\n2\\e[31m\\u202e"\n');

    expect(() => checkArchive(bytes, expected)).toThrow('holds "a  b[31m" "1??2?[31m?".');
  });

  test('takes the version that Helm reads of it, and not the text that was written', () => {
    const bytes = withChartYaml('name: nginx\nversion: 1.10\n');

    expect(checkArchive(bytes, { ...expected, version: '1.1' })).toMatchObject({ version: '1.1' });
    expect(() => checkArchive(bytes, { ...expected, version: '1.10' })).toThrow('holds "nginx" "1.1".');
  });

  test('keeps what it does not know out of the way of every object', () => {
    const text = `${chartYaml}__proto__: {polluted: yes}\nconstructor: x\nannotations: {__proto__: x}\n`;
    const { config } = inspectArchive(withChartYaml(text));

    expect(config).toEqual({
      name: 'nginx',
      version: '1.2.3',
      apiVersion: 'v2',
      annotations: new Map([['__proto__', 'x']]),
    });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(Object.getPrototypeOf(config)).toBe(Object.prototype);
  });
});

/** Their Chart.yaml is read, and lacks what is not of its type. */
describe('an archive that Helm would refuse for a type', () => {
  test.each([
    ['a mapping where text is meant', 'description: {a: b}'],
    ['text where a list is meant', 'keywords: k'],
    ['a list among texts', 'sources: [[]]'],
    ['text where a mapping is meant', 'annotations: k'],
    ['a word that is no truth', 'deprecated: "yes"'],
    ['text where a maintainer is meant', 'maintainers: [a]'],
    ['nothing where a maintainer is meant', 'maintainers: [~]'],
    ['nothing where a dependency is meant', 'dependencies: [~, {name: a}]'],
  ])('passes, and is not described: %s', (_what, text) => {
    const bytes = withChartYaml(`${chartYaml}${text}\n`);

    expect(checkArchive(bytes, { upstream: 'podinfo', chart: 'nginx', version: '1.2.3' })).toMatchObject({
      misfit: true,
    });
    expect(describeArchive(bytes)).toEqual({ rejected: 'bad-metadata' });
  });

  test('is not described for what its requirements.yaml says either', () => {
    const requirements = ['- name: a\n', '[', 'dependencies: {a: b}'];
    for (const body of requirements) {
      const bytes = archive(chartFile, { name: 'nginx/requirements.yaml', body });
      expect(describeArchive(bytes)).toEqual({ rejected: 'bad-metadata' });
    }
  });
});
