import { isUtf8 } from 'node:buffer';

import { Fault, type FaultCode } from '../chart/fault.ts';
import { isChartName } from '../chart/names.ts';
import { isChartVersion } from '../chart/version.ts';
import { TooManyBytes } from '../lib/bytes.ts';
import { BadGzip, gunzip, type Unzipped } from '../lib/gunzip.ts';
import { type ChartConfig, readConfig } from './chart-config.ts';
import { chartMetadata, type RawFields } from './chart-metadata.ts';
import { goJson } from './go-json.ts';
import { isMapping, parseGoYaml, TooMuchYaml } from './go-yaml.ts';
import { BadTar, readTar, type TarContents, type TarEntry, TooManyEntries } from './tar.ts';

/** How much of an archive is looked at before it is refused. */
export interface ArchiveLimits {
  /** Of the tar data, all of them. */
  readonly maxUnpackedBytes: number;
  /** Of Chart.yaml and requirements.yaml each, and of what each becomes when its aliases are followed. */
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
  /** What Helm reads of Chart.yaml, and of a requirements.yaml after it: the name and the version, too. */
  readonly config: ChartConfig;
  /** Helm would refuse it: something is not of the type that it wants, and left out of the config. */
  readonly misfit: boolean;
}

/** Whose archive it should be. */
export interface ExpectedChart {
  readonly upstream: string;
  readonly chart: string;
  readonly version: string;
}

/**
 * Reads a chart archive as Helm does (pkg/chart/loader/archive), in memory, writing nothing and following no link:
 * gzip, in it tar, in it `<folder>/Chart.yaml` with a name and a version. The folder's own name does not matter, several
 * such files are read one over the other, and bytes behind the end of the tar data are left alone. A requirements.yaml
 * that is not YAML says nothing. Throws 'archive-invalid' or 'too-large'; the message begins with `subject`.
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
  | { readonly chart: string; readonly version: string; readonly metadata: string }
  | { readonly rejected: 'bad-name' | 'bad-version' | 'bad-metadata' | 'too-large' };

/**
 * What a listing without an index says of an archive, by the rules for rows of an index: what `helm repo index` says of
 * it, and a registry after `helm push`. Throws as `inspectArchive`.
 */
export function describeArchive(bytes: Uint8Array, limits: ArchiveLimits = helmLimits): ArchiveChart {
  const { name: chart, version, config, misfit } = inspectArchive(bytes, limits);
  if (!isChartName(chart)) return { rejected: 'bad-name' };
  if (!isChartVersion(version)) return { rejected: 'bad-version' };
  if (misfit) return { rejected: 'bad-metadata' };
  const described = chartMetadata(JSON.parse(goJson(config)) as RawFields);
  return 'rejected' in described ? described : { chart, version, metadata: described.metadata };
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
  const tar = unpack(bytes, limits);
  const files = filesOf(tar);
  const charts = dataOf('Chart.yaml', files).map((data) => parseChart(data, limits));
  if (charts.length === 0) throw invalid(tar.entries.length === 0 ? 'is empty' : 'has no Chart.yaml in its folder');
  const requirements = dataOf('requirements.yaml', files).map((data) => parseRequirements(data, limits));
  const read = configOf(charts, requirements);
  const { name, version } = read.config;
  if (typeof name !== 'string') throw invalid('has a Chart.yaml without a name');
  if (typeof version !== 'string') throw invalid('has a Chart.yaml without a version');
  return { name, version, ...read };
}

/** Each is read, and may take all the time that one may take. */
const maxOfOneName = 8;

function dataOf(name: string, files: readonly ChartFile[]): readonly Buffer[] {
  const found = files.filter(({ path }) => path === name).map(({ data }) => data);
  if (found.length <= maxOfOneName) return found;
  throw new Refused('too-large', `has more than ${maxOfOneName} files of the name ${name}`);
}

/** As `LoadFiles` does (helm.sh/helm/v4 pkg/chart/v2/loader): without an apiVersion a Chart.yaml is of the first. */
function configOf(
  charts: readonly unknown[],
  requirements: readonly unknown[],
): Pick<ArchiveContents, 'config' | 'misfit'> {
  let misfit = false;
  const add = (config: ChartConfig, document: unknown): ChartConfig =>
    readConfig(document, config, () => (misfit = true));
  const said = charts.reduce(add, {});
  const versioned = 'apiVersion' in said ? said : add(said, { apiVersion: 'v1' });
  return { config: requirements.reduce(add, versioned), misfit };
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

function parseChart(data: Buffer, limits: ArchiveLimits): unknown {
  const document = parseFile('Chart.yaml', data, limits);
  if (document === null || isMapping(document)) return document;
  throw invalid('has a Chart.yaml that is no mapping');
}

/** Undefined is none of Helm's types. */
function parseRequirements(data: Buffer, limits: ArchiveLimits): unknown {
  try {
    return parseFile('requirements.yaml', data, limits);
  } catch (error) {
    if (error instanceof Refused && error.code === 'archive-invalid') return undefined;
    throw error;
  }
}

function parseFile(name: string, data: Buffer, { maxChartFileBytes }: ArchiveLimits): unknown {
  if (data.length > maxChartFileBytes) {
    throw new Refused('too-large', `has a ${name} that is too large: it is more than ${maxChartFileBytes} bytes`);
  }
  if (!isUtf8(data)) throw invalid(`has a ${name} that is not UTF-8`);
  try {
    return parseGoYaml(data.toString('utf8'), maxChartFileBytes);
  } catch (error) {
    if (error instanceof TooMuchYaml)
      throw new Refused('too-large', `has a ${name} that is too large: ${error.message}`);
    throw invalid(`has a ${name} that is not YAML (${firstLine(error)})`);
  }
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
