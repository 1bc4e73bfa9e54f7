/** Bytes that are not a tar archive, or one that promises more than it holds. The message is half a sentence. */
export class BadTar extends Error {
  override readonly name = 'BadTar';
}

/** More headers than the caller allows. */
export class TooManyEntries extends Error {
  override readonly name = 'TooManyEntries';
}

export interface TarEntry {
  /** As it was written: it may be absolute, hold `..` or backslashes. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'other';
  /** Shares the archive's memory; empty for what is no file. */
  readonly data: Buffer;
}

export interface TarContents {
  readonly entries: readonly TarEntry[];
  /** The end marker was there. Without it an archive may still be whole, when it ends at an entry's end. */
  readonly ended: boolean;
}

const blockSize = 512;
const maxMetaBytes = 1024 * 1024;
const maxHeaders = 10_000;

const typeOf = { file: '0', oldFile: '\0', contiguous: '7', directory: '5', sparse: 'S' };
const metaTypes = new Set(['x', 'g', 'L', 'K']);
/** Links, devices, folders and pipes: whatever size they claim, no bytes follow. */
const bodylessTypes = new Set(['1', '2', '3', '4', '5', '6']);

interface Header {
  readonly path: string;
  readonly type: string;
  readonly size: number;
}

/** What the entries before a file say about it. */
interface Overrides {
  pax: ReadonlyMap<string, string>;
  longName: string | undefined;
}

/**
 * Reads a whole tar archive in memory: ustar, pax and GNU long names (POSIX.1-2024 pax, GNU tar manual), as Go's
 * archive/tar takes them, since that is what Helm reads with. Sparse files are refused. Nothing is ever written, links
 * are entries like others and lead nowhere. Throws `BadTar` or `TooManyEntries`.
 */
export function readTar(tar: Buffer, maxEntries: number = maxHeaders): TarContents {
  const entries: TarEntry[] = [];
  let overrides: Overrides = { pax: new Map(), longName: undefined };
  let at = 0;
  for (let headers = 1; at < tar.length; headers += 1) {
    const block = blockAt(tar, at);
    if (isZero(block)) return { entries, ended: endsAt(tar, at + blockSize) };
    if (headers > maxEntries) throw new TooManyEntries(`more than ${maxEntries} entries`);
    const header = parseHeader(block);
    const isMeta = metaTypes.has(header.type);
    const entry = isMeta ? header : overridden(header, overrides);
    const data = bodyAt(tar, at + blockSize, entry);
    at += blockSize + Math.ceil(data.length / blockSize) * blockSize;
    if (isMeta) {
      overrides = readMeta(header.type, data, overrides);
    } else {
      overrides = { pax: new Map(), longName: undefined };
      entries.push({ path: entry.path, kind: kindOf(entry), data });
    }
  }
  return { entries, ended: false };
}

function blockAt(tar: Buffer, at: number): Buffer {
  if (at + blockSize > tar.length) throw new BadTar('the tar data end inside a header');
  return tar.subarray(at, at + blockSize);
}

function isZero(block: Buffer): boolean {
  return block[0] === 0 && block.every((byte) => byte === 0);
}

/** Two zero blocks end an archive; one, when nothing follows. */
function endsAt(tar: Buffer, at: number): boolean {
  if (at === tar.length) return false;
  if (!isZero(blockAt(tar, at))) throw new BadTar('the tar data go on after an empty header');
  return true;
}

function bodyAt(tar: Buffer, start: number, { type, size }: Header): Buffer {
  if (bodylessTypes.has(type)) return tar.subarray(start, start);
  if (size > tar.length - start) throw new BadTar('the tar data end inside a file');
  return tar.subarray(start, start + size);
}

function kindOf({ type, path }: Header): TarEntry['kind'] {
  if (type === typeOf.directory || (type === typeOf.oldFile && path.endsWith('/'))) return 'directory';
  return type === typeOf.file || type === typeOf.oldFile || type === typeOf.contiguous ? 'file' : 'other';
}

function parseHeader(block: Buffer): Header {
  if (!hasChecksum(block)) throw new BadTar('a tar header is damaged');
  const type = String.fromCharCode(block[156] ?? 0);
  if (type === typeOf.sparse) throw new BadTar('the tar data hold a sparse file');
  const name = textAt(block, 0, 100);
  const prefix = block.toString('latin1', 257, 263) === 'ustar\0' ? textAt(block, 345, prefixLength(block)) : '';
  return { path: prefix ? `${prefix}/${name}` : name, type, size: numberAt(block, 124, 12) };
}

/** The old star format has times behind a shorter prefix. */
function prefixLength(block: Buffer): number {
  return block.toString('latin1', 508, 512) === 'tar\0' ? 131 : 155;
}

/** The sum of all bytes, the field itself taken as spaces; some old writers summed signed bytes. */
function hasChecksum(block: Buffer): boolean {
  const stored = numberAt(block, 148, 8);
  let unsigned = 0;
  let signed = 0;
  for (let at = 0; at < blockSize; at += 1) {
    const byte = at >= 148 && at < 156 ? 0x20 : (block[at] ?? 0);
    unsigned += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  return stored === unsigned || stored === signed;
}

function textAt(block: Buffer, start: number, length: number): string {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? length : end);
}

/** Octal, or base 256 when the first bit is set. Negative numbers are refused, others may be beyond any archive. */
function numberAt(block: Buffer, start: number, length: number): number {
  const field = block.subarray(start, start + length);
  const first = field[0] ?? 0;
  if (first & 0x80) {
    if (first & 0x40) throw new BadTar('a tar header holds a negative number');
    return field.subarray(1).reduce((sum, byte) => sum * 256 + byte, first & 0x3f);
  }
  const digits = /^[ \0]*([0-7]*)[ \0]*(?:\0[^]*)?$/.exec(field.toString('latin1'))?.[1];
  if (digits === undefined) throw new BadTar('a tar header holds no number where one should be');
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}

function readMeta(type: string, data: Buffer, known: Overrides): Overrides {
  if (data.length > maxMetaBytes) throw new BadTar('a tar header is too long');
  if (type === 'L') return { ...known, longName: textAt(data, 0, data.length) };
  if (type === 'K') return known;
  const pax = parsePax(data);
  return type === 'x' ? { ...known, pax } : known;
}

/** Records of `<length> <key>=<value>\n`. */
function parsePax(data: Buffer): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < data.length;) {
    const space = data.indexOf(0x20, at);
    const digits = data.toString('latin1', at, space < 0 ? at : Math.min(space, at + 10));
    const end = at + Number(/^\d{1,7}$/.test(digits) ? digits : Number.NaN);
    const record = end - 1 > space && end <= data.length ? data.toString('utf8', space + 1, end) : '';
    const [, key, value] = /^([^=\0]+)=([^]*)\n$/.exec(record) ?? [];
    if (key === undefined || value === undefined) throw new BadTar('an extended tar header is damaged');
    if (key.startsWith('GNU.sparse.')) throw new BadTar('the tar data hold a sparse file');
    records.set(key, value);
    at = end;
  }
  return records;
}

function overridden(header: Header, { pax, longName }: Overrides): Header {
  const paxPath = pax.get('path');
  if (paxPath?.includes('\0')) throw new BadTar('a tar header names a file with a zero byte');
  const paxSize = pax.get('size');
  if (paxSize && !/^\d{1,19}$/.test(paxSize)) throw new BadTar('an extended tar header holds a bad size');
  return {
    path: longName || paxPath || header.path,
    type: header.type,
    size: paxSize ? Number(paxSize) : header.size,
  };
}
