import { constants, crc32, deflateRawSync } from 'node:zlib';

const header = Buffer.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff);
/** An empty last block. */
const ending = Buffer.of(0x03, 0x00);
const scratchBytes = 512 * 1024;

/** A piece of deflated data (RFC 1951) that ends on a whole byte, so that another piece can follow it. */
export function deflatePiece(bytes: Uint8Array, level: number): Uint8Array {
  return deflateRawSync(bytes, { level, finishFlush: constants.Z_FULL_FLUSH });
}

/** One gzip member (RFC 1952) of the deflated pieces of `text`, in memory of its own. */
export function gzipOf(deflated: readonly Uint8Array[], text: Iterable<Uint8Array>): Uint8Array<ArrayBuffer> {
  let checksum = 0;
  let size = 0;
  for (const piece of text) {
    checksum = crc32(piece, checksum);
    size += piece.byteLength;
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(checksum, 0);
  trailer.writeUInt32LE(size % 2 ** 32, 4);
  const parts = [header, ...deflated, ending, trailer];
  const gzip = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    gzip.set(part, at);
    at += part.byteLength;
  }
  return gzip;
}

/** Compresses text that stands in many pieces, without ever copying more than a part of it. */
export function gzipPieces(text: Iterable<Uint8Array>, level: number): Uint8Array<ArrayBuffer> {
  const pieces = [...text];
  const scratch = Buffer.allocUnsafeSlow(scratchBytes);
  const deflated: Uint8Array[] = [];
  let used = 0;
  const deflate = (): void => {
    if (used > 0) deflated.push(deflatePiece(scratch.subarray(0, used), level));
    used = 0;
  };
  for (const piece of pieces) {
    for (let at = 0; at < piece.byteLength;) {
      const part = piece.subarray(at, at + scratchBytes - used);
      scratch.set(part, used);
      used += part.byteLength;
      at += part.byteLength;
      if (used === scratchBytes) deflate();
    }
  }
  deflate();
  return gzipOf(deflated, pieces);
}
