import { isUtf8 } from 'node:buffer';

import { load } from 'js-yaml';

import { Fault, type FaultCode } from '../chart/fault.ts';
import { isChartName } from '../chart/names.ts';
import { isChartVersion } from '../chart/version.ts';
import { TooManyBytes } from '../lib/bytes.ts';
import { BadGzip, gunzip, type Unzipped } from '../lib/gunzip.ts';
import { chartMetadata } from './chart-metadata.ts';
import { writtenText } from './safe-yaml.ts';
import { BadTar, readTar, type TarContents, type TarEntry, TooManyEntries } from './tar.ts';

/** How much of an archive is looked at before it is refused. */
export interface ArchiveLimits {
  /** Of the tar data, all of them. */
  readonly maxUnpackedBytes: number;
  /** Of Chart.yaml, and of what it becomes when its aliases are followed. */
  readonly maxChartFileBytes: number;
  /** Headers in the tar data. */
  readonly maxEntries: number;
}

const mib = 1024 * 1024;

/** Helm's own limits (`MaxDecompressedChartSize`, `MaxDecompressedFileSize`), and one for entries, which it lacks. */
export const helmLimits: ArchiveLimits = {
  maxUnpackedBytes: 100 * mib,
  maxChartFileBytes: 5 * mib,
  maxEntries: 10_000,
};

/** What an archive says of itself. */
export interface ArchiveContents {
  readonly name: string;
  readonly version: string;
  /** Chart.yaml: scalars as the text that was written, null as null. Small also when its aliases are followed. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Whose archive it should be. */
export interface ExpectedChart {
  readonly upstream: string;
  readonly chart: string;
  readonly version: string;
}

/**
 * Reads a chart archive as Helm does (pkg/chart/loader/archive), in memory, writing nothing and following no link:
 * gzip, in it tar, in it `<folder>/Chart.yaml` with a name and a version. The folder's own name does not matter, of
 * several such files the last counts, and bytes behind the end of the tar data are left alone. Throws
 * 'archive-invalid' or 'too-large'; the message begins with `subject`.
 */
export function inspectArchive(
  bytes: Uint8Array,
  limits: ArchiveLimits = helmLimits,
  subject = 'the archive',
): ArchiveContents {
  try {
    return contentsOf(bytes, limits);
  } catch (error) {
    throw asFault(error, subject);
  }
}

/**
 * The same, and that the name and version inside are, letter for letter, the expected ones: 'archive-invalid'
 * otherwise, naming what is inside.
 */
export function checkArchive(
  bytes: Uint8Array,
  expected: ExpectedChart,
  limits: ArchiveLimits = helmLimits,
): ArchiveContents {
  const subject = `${expected.upstream}: the archive of ${expected.chart} ${expected.version}`;
  const contents = inspectArchive(bytes, limits, subject);
  if (contents.name === expected.chart && contents.version === expected.version) return contents;
  throw new Fault(
    'archive-invalid',
    `${subject} holds ${quoted(contents.name)} ${quoted(contents.version)}.`,
    'The upstream mixed up its charts, or somebody replaced one. Tell its owner; nothing of it is served.',
  );
}

/** An archive's chart in the words of a catalog, or why a catalog could not hold it. */
export type ArchiveChart =
  | {
      readonly chart: string;
      readonly version: string;
      readonly metadata: string;
      readonly extra: string | undefined;
    }
  | { readonly rejected: 'bad-name' | 'bad-version' | 'bad-metadata' | 'too-large' };

/** What a listing without an index says of an archive, by the rules for rows of an index. Throws as `inspectArchive`. */
export function describeArchive(bytes: Uint8Array, limits: ArchiveLimits = helmLimits): ArchiveChart {
  const { name: chart, version, fields } = inspectArchive(bytes, limits);
  if (!isChartName(chart)) return { rejected: 'bad-name' };
  if (!isChartVersion(version)) return { rejected: 'bad-version' };
  const described = chartMetadata(fields);
  return 'rejected' in described ? described : { chart, version, ...described };
}

/** A file of a chart. */
export interface ChartFile {
  /** Below the chart's own folder: `Chart.yaml`, `charts/redis/README.md`. */
  readonly path: string;
  /** Shares the memory of the whole archive; without a byte order mark. */
  readonly data: Buffer;
}

/** Every file of a chart in the order of its archive; of some there may be several. Throws as `inspectArchive`. */
export function readChartFiles(
  bytes: Uint8Array,
  limits: ArchiveLimits = helmLimits,
  subject = 'the archive',
): readonly ChartFile[] {
  try {
    return filesOf(unpack(bytes, limits));
  } catch (error) {
    throw asFault(error, subject);
  }
}

class Refused extends Error {
  readonly code: FaultCode;
  constructor(code: 'archive-invalid' | 'too-large', message: string) {
    super(message);
    this.code = code;
  }
}

function invalid(message: string): Refused {
  return new Refused('archive-invalid', message);
}

function contentsOf(bytes: Uint8Array, limits: ArchiveLimits): ArchiveContents {
  const fields = parseChartFile(chartFile(bytes, limits), limits);
  const { name, version } = fields;
  if (typeof name !== 'string' || name === '') throw invalid('has a Chart.yaml without a name');
  if (typeof version !== 'string' || version === '') throw invalid('has a Chart.yaml without a version');
  return { name, version, fields };
}

function chartFile(bytes: Uint8Array, limits: ArchiveLimits): Buffer {
  const contents = unpack(bytes, limits);
  const found = filesOf(contents).findLast(({ path }) => path === 'Chart.yaml')?.data;
  if (!found) throw invalid(contents.entries.length === 0 ? 'is empty' : 'has no Chart.yaml in its folder');
  if (found.length > limits.maxChartFileBytes) {
    throw new Refused('too-large', `has a Chart.yaml of more than ${limits.maxChartFileBytes} bytes`);
  }
  return found;
}

/** What is no file leads nowhere, but must not have a path that leads out either. */
function filesOf({ entries }: TarContents): readonly ChartFile[] {
  return entries
    .filter(({ kind }) => kind !== 'directory')
    .map((entry) => ({ path: pathInChart(entry), data: withoutMark(entry.data), kind: entry.kind }))
    .filter(({ kind }) => kind === 'file')
    .map(({ path, data }) => ({ path, data }));
}

function unpack(bytes: Uint8Array, limits: ArchiveLimits): TarContents {
  const { bytes: tar, trailing }: Unzipped = gunzip(bytes, limits.maxUnpackedBytes);
  const contents = readTar(tar, limits.maxEntries);
  if (trailing && !contents.ended) throw new BadGzip('the gzip data are followed by something else');
  return contents;
}

const drive = /^[A-Za-z]:$/;

/** The path below the chart's own folder. Archives made on Windows may have backslashes. */
function pathInChart({ path }: TarEntry): string {
  const segments = path.split(path.includes('\\') ? '\\' : '/').filter((segment, at) => at === 0 || segment !== '.');
  const [folder, ...rest] = segments;
  if (segments.includes('..') || folder === '' || [folder, rest[0]].some((one) => drive.test(one ?? ''))) {
    throw invalid(`names a file outside its folder, ${quoted(path)}`);
  }
  const inside = rest.filter((segment) => segment !== '').join('/');
  if (inside === '') throw invalid(`has files beside its folder, ${quoted(path)}`);
  return inside;
}

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

function withoutMark(data: Buffer): Buffer {
  return data.subarray(0, 3).equals(byteOrderMark) ? data.subarray(3) : data;
}

function parseChartFile(bytes: Buffer, limits: ArchiveLimits): Readonly<Record<string, unknown>> {
  if (!isUtf8(bytes)) throw invalid('has a Chart.yaml that is not UTF-8');
  const fields = parseYaml(bytes.toString('utf8'));
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw invalid('has a Chart.yaml that is no mapping');
  }
  if (!fits(fields, { bytes: limits.maxChartFileBytes })) {
    throw new Refused('too-large', 'has a Chart.yaml that grows without measure when it is read');
  }
  return fields as Record<string, unknown>;
}

function parseYaml(text: string): unknown {
  try {
    // `json` lets a later key replace an earlier one, as Helm's reader of this file does
    return load(text, { schema: writtenText, json: true });
  } catch (error) {
    throw invalid(`has a Chart.yaml that is not YAML (${firstLine(error)})`);
  }
}

/** Whether a value stays within the budget, with aliases counted each time they appear. */
function fits(value: unknown, budget: { bytes: number }): boolean {
  budget.bytes -= typeof value === 'string' ? value.length : 1;
  if (budget.bytes < 0) return false;
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, one]) => fits(key, budget) && fits(one, budget));
}

function firstLine(error: unknown): string {
  const [line = ''] = String(error instanceof Error ? error.message : error).split('\n');
  return printable(line).slice(0, 200);
}

/** Text from an archive as a message may hold it. */
function quoted(text: string): string {
  return `"${printable(text).slice(0, 100)}"`;
}

function printable(text: string): string {
  return text.replaceAll(/[\p{C}"]/gu, '?');
}

function asFault(error: unknown, subject: string): unknown {
  if (error instanceof TooManyBytes || error instanceof TooManyEntries) {
    return tooLarge(`${subject} unpacks to ${error.message}.`);
  }
  if (error instanceof BadGzip) return damaged(`${subject} cannot be unpacked: ${error.message}.`, error);
  if (error instanceof BadTar) return damaged(`${subject} is not a chart: ${error.message}.`, error);
  if (!(error instanceof Refused)) return error;
  return error.code === 'too-large'
    ? tooLarge(`${subject} ${error.message}.`)
    : damaged(`${subject} ${error.message}.`);
}

function tooLarge(message: string): Fault {
  return new Fault(
    'too-large',
    message,
    'Helm would refuse it too. Have the chart packaged without what is not its own.',
  );
}

function damaged(message: string, cause?: Error): Fault {
  return new Fault(
    'archive-invalid',
    message,
    'Where the transfer was cut, the next attempt mends it; else have the chart packaged again with `helm package`.',
    { cause },
  );
}
