import { gzipSync } from 'node:zlib';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import { helmLimits, inspectArchive } from '../../src/formats/chart-archive.ts';
import { chartArchive } from '../support/charts.ts';
import { octal, type RawEntry, rawEntry, rawTar } from '../support/raw-tar.ts';

const mib = 1024 * 1024;
const chartYaml = 'apiVersion: v2\nname: nginx\nversion: 1.2.3\n';
const chartFile: RawEntry = { name: 'nginx/Chart.yaml', body: chartYaml };

function archive(...entries: readonly RawEntry[]): Buffer {
  return gzipSync(rawTar(...entries));
}

function withChartYaml(body: string | Buffer): Buffer {
  return archive({ name: 'nginx/Chart.yaml', body });
}

/** In a word: what it is, or why it was refused. */
function verdict(bytes: Uint8Array): string {
  try {
    const { name, version } = inspectArchive(bytes);
    return `${name} ${version}`;
  } catch (error) {
    return error instanceof Fault ? error.code : `threw ${String(error)}`;
  }
}

function faultOf(bytes: Uint8Array): Fault {
  try {
    inspectArchive(bytes);
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error('the archive was taken');
}

describe('an archive is refused as archive-invalid when', () => {
  test.each<[string, Buffer, RegExp]>([
    ['it is empty', Buffer.alloc(0), /cannot be unpacked/],
    ['it is a web page', Buffer.from('<!doctype html><title>Login</title>'), /cannot be unpacked/],
    ['it is tar without gzip', rawTar(chartFile), /cannot be unpacked/],
    ['it is gzip without tar', gzipSync('hello '.repeat(300)), /not a chart/],
    ['it is gzip in gzip', gzipSync(archive(chartFile)), /not a chart/],
    ['it holds nothing', archive(), /is empty/],
    ['it holds nothing but zeros', gzipSync(Buffer.alloc(50 * mib)), /is empty/],
    ['it has folders only', archive({ name: 'nginx/', type: '5' }), /no Chart.yaml/],
    ['it has no Chart.yaml', archive({ name: 'nginx/values.yaml', body: 'a: 1' }), /no Chart.yaml/],
    ['Chart.yaml lies beside the folder', archive({ name: 'Chart.yaml', body: chartYaml }), /beside its folder/],
    ['Chart.yaml lies too deep', archive({ name: 'a/nginx/Chart.yaml', body: chartYaml }), /no Chart.yaml/],
    ['Chart.yaml is spelt otherwise', archive({ name: 'nginx/chart.yaml', body: chartYaml }), /no Chart.yaml/],
    ['Chart.yaml is a symbolic link', archive({ ...chartFile, body: '', type: '2', linkname: 'x' }), /no Chart.yaml/],
    [
      'Chart.yaml is a hard link',
      archive({ ...chartFile, body: '', type: '1', linkname: '/etc/passwd' }),
      /no Chart.yaml/,
    ],
    ['Chart.yaml is a device', archive({ ...chartFile, body: '', type: '3' }), /no Chart.yaml/],
    ['a file climbs out of it', archive(chartFile, { name: 'nginx/../../x', body: 'x' }), /outside its folder/],
    ['a file begins with dots', archive(chartFile, { name: '../x', body: 'x' }), /outside its folder/],
    ['a link climbs out of it', archive(chartFile, { name: '../x', type: '2', linkname: 'y' }), /outside its folder/],
    ['a file is absolute', archive(chartFile, { name: '/etc/passwd', body: 'x' }), /outside its folder/],
    ['a file names a drive', archive(chartFile, { name: 'nginx/C:/x', body: 'x' }), /outside its folder/],
    ['a file climbs out with backslashes', archive(chartFile, { name: 'nginx\\..\\..\\x' }), /outside its folder/],
    ['a file lies beside the folder', archive(chartFile, { name: 'README.md', body: 'x' }), /beside its folder/],
    ['a header is damaged', gzipSync(Buffer.concat([rawEntry(chartFile), Buffer.alloc(512, 65)])), /not a chart/],
    ['a size is negative', archive({ ...chartFile, size: Buffer.alloc(12, 0xff) }), /not a chart/],
    [
      'a sparse file promises 2^63 bytes',
      archive({ ...chartFile, type: 'S', size: octal(0o77777777777) }),
      /not a chart/,
    ],
    [
      'garbage follows tar data that have no end',
      Buffer.concat([gzipSync(rawEntry(chartFile)), Buffer.from('garbage')]),
      /cannot be unpacked/,
    ],
    ['Chart.yaml is empty', withChartYaml(''), /without a name/],
    ['Chart.yaml is a list', withChartYaml('- name: nginx'), /no mapping/],
    ['Chart.yaml is a web page', withChartYaml('<html>: [</html>'), /not YAML/],
    ['Chart.yaml begins with an empty document', withChartYaml(`---\n---\n${chartYaml}`), /without a name/],
    ['Chart.yaml is binary', withChartYaml(Buffer.from([0x6e, 0xff, 0xfe])), /not UTF-8/],
    ['Chart.yaml nests without end', withChartYaml(`${chartYaml}x: ${'['.repeat(10_000)}`), /not YAML/],
    ['a later Chart.yaml is not YAML', archive(chartFile, { ...chartFile, body: 'x: [' }), /not YAML/],
    ['Chart.yaml has no name', withChartYaml('version: 1.2.3'), /without a name/],
    ['the name is a list', withChartYaml('name: [nginx]\nversion: 1.2.3'), /without a name/],
    ['Chart.yaml has no version', withChartYaml('name: nginx'), /without a version/],
    ['the version is null', withChartYaml('name: nginx\nversion: null'), /without a version/],
  ])('%s', (_what, bytes, message) => {
    const fault = faultOf(bytes);

    expect(fault.code).toBe('archive-invalid');
    expect(fault.message).toMatch(message);
    expect(fault.advice).not.toBe('');
  });

  test('it ends early, wherever that is', async () => {
    const bytes = await chartArchive({ name: 'nginx', version: '1.2.3' }, { 'README.md': noise(20_000) });

    expect(bytes.length).toBeGreaterThan(10_000);
    for (let length = 0; length < bytes.length; length += 500) {
      expect(faultOf(bytes.subarray(0, length)).code).toBe('archive-invalid');
    }
  });

  test('one of its bytes changed, wherever that is, unless it still says the same', async () => {
    const bytes = await chartArchive({ name: 'nginx', version: '1.2.3' });
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, byte) => {
        const changed = Buffer.from(bytes);
        changed[at] = byte;
        expect(['nginx 1.2.3', 'archive-invalid']).toContain(verdict(changed));
      }),
    );
  });
});

describe('an archive is refused as too-large when', () => {
  const anchors = Array.from({ length: 9 }, (_, at) => `b${at + 1}: &b${at + 1} [${`*b${at},`.repeat(10)}]`);
  const laughs = `${chartYaml}b0: &b0 [${'ha,'.repeat(10)}]\n${anchors.join('\n')}\n`;
  test.each<[string, () => Buffer, RegExp]>([
    [
      'a megabyte becomes a gigabyte',
      () => repeated(gzipSync(Buffer.alloc(64 * mib)), 16),
      /more than 104857600 bytes/,
    ],
    [
      'its files are too many bytes',
      () => archive(chartFile, { name: 'n/x', body: Buffer.alloc(101 * mib) }),
      /104857600/,
    ],
    ['a million files are empty', () => manyFiles(1_000_000), /unpacks to more than/],
    ['there are too many files', () => manyFiles(10_001), /more than 10000 entries/],
    ['Chart.yaml is too large', () => withChartYaml(`${chartYaml}# ${'x'.repeat(5 * mib)}`), /more than 5242880 bytes/],
    ['Chart.yaml is a bomb of aliases', () => withChartYaml(laughs), /grows when its aliases are followed/],
    ['Chart.yaml contains itself', () => withChartYaml(`${chartYaml}x: &a [*a]\n`), /nests deeper/],
    ['Chart.yaml merges itself', () => withChartYaml(`${chartYaml}x: &a {<<: *a}\n`), /nests deeper/],
    ['Chart.yaml says nothing, often', () => withChartYaml(`${chartYaml}x: [${'1,'.repeat(2e6)}]\n`), /says too much/],
    [
      'Chart.yaml has a long list for a key, often',
      () => withChartYaml(`${chartYaml}l: &l [${'a,'.repeat(2e5)}]\nm:\n${'  ? *l\n  : 1\n'.repeat(5000)}`),
      /says too much/,
    ],
    [
      'Chart.yaml has a long list for each key within itself',
      () => withChartYaml(`${chartYaml}x: &l [{? *l : v}, ${'x, '.repeat(50_000)}${'{? *l : v}, '.repeat(10_000)}]\n`),
      /says too much/,
    ],
    [
      'Chart.yaml has long texts for a key',
      () => withChartYaml(`${chartYaml}s: &s ${'x'.repeat(mib)}\n${`? [${'*s,'.repeat(400)}]\n: 1\n`.repeat(100)}`),
      /says too much/,
    ],
    [
      'Chart.yaml is there too often',
      () => archive(...Array.from({ length: 9 }, () => chartFile)),
      /more than 8 files/,
    ],
    [
      'requirements.yaml is a bomb of aliases',
      () => archive(chartFile, { name: 'nginx/requirements.yaml', body: laughs }),
      /has a requirements.yaml that is too large/,
    ],
  ])('%s, within two seconds', (_what, make, message) => {
    const bytes = make();
    const start = process.cpuUsage();
    const fault = faultOf(bytes);
    const { user, system } = process.cpuUsage(start);

    expect(fault.code).toBe('too-large');
    expect(fault.message).toMatch(message);
    expect((user + system) / 1e6).toBeLessThan(2);
  });

  test('a limit of the caller says so', async () => {
    const bytes = await chartArchive({ name: 'nginx', version: '1.2.3' });

    expect(() => inspectArchive(bytes, { ...helmLimits, maxUnpackedBytes: 1024 })).toThrow('more than 1024 bytes');
    expect(() => inspectArchive(bytes, { ...helmLimits, maxEntries: 2 })).toThrow('more than 2 entries');
    expect(() => inspectArchive(bytes, { ...helmLimits, maxChartFileBytes: 20 })).toThrow('more than 20 bytes');
  });
});

function noise(length: number): string {
  let state = 1;
  return Array.from({ length }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return String.fromCharCode(33 + (state % 90));
  }).join('');
}

/** `count` empty files behind the Chart.yaml. Compressed in pieces, since a million take long. */
function manyFiles(count: number): Buffer {
  const piece = gzipSync(repeated(rawEntry({ name: 'nginx/x' }), 1000));
  const rest = repeated(rawEntry({ name: 'nginx/x' }), count % 1000);
  const start = gzipSync(Buffer.concat([rawEntry(chartFile), rest]));
  return Buffer.concat([start, repeated(piece, Math.floor(count / 1000)), gzipSync(Buffer.alloc(1024))]);
}

function repeated(bytes: Buffer, times: number): Buffer {
  return Buffer.alloc(bytes.length * times, bytes);
}
