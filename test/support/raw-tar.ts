/** One tar header and its bytes, written without any of the care a tar writer takes. */
export interface RawEntry {
  readonly name: string | Buffer;
  readonly type?: string;
  readonly body?: string | Buffer;
  /** What stands in the size field, whatever the body's size is. */
  readonly size?: Buffer;
  readonly linkname?: string;
  readonly prefix?: string;
  /** Magic and version; ustar when absent. */
  readonly magic?: string;
}

/** A size field as octal digits. */
export function octal(value: number): Buffer {
  return Buffer.from(`${value.toString(8).padStart(11, '0')}\0`);
}

/** The blocks of one entry, with the padding and no end of the archive. */
export function rawEntry({ name, type = '0', body = '', size, linkname, prefix, magic }: RawEntry): Buffer {
  const bytes = Buffer.from(body);
  const header = Buffer.alloc(512);
  Buffer.from(name).copy(header, 0, 0, 100);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  (size ?? octal(bytes.length)).copy(header, 124);
  header.write('00000000000\0', 136);
  header.write(type, 156, 'latin1');
  header.write(linkname ?? '', 157);
  header.write(magic ?? 'ustar\u000000', 257, 'latin1');
  header.write(prefix ?? '', 345);
  header.write(`${checksum(header).toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, bytes, Buffer.alloc(-bytes.length & 511)]);
}

function checksum(header: Buffer): number {
  header.fill(0x20, 148, 156);
  return header.reduce((sum, byte) => sum + byte, 0);
}

/** A whole archive: the entries and the two empty blocks that end it. */
export function rawTar(...entries: readonly RawEntry[]): Buffer {
  return Buffer.concat([...entries.map(rawEntry), Buffer.alloc(1024)]);
}

/** One record of an extended header, its length counted in. */
export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  const guess = bytes + String(bytes).length;
  return `${bytes + String(guess).length}${rest}`;
}
