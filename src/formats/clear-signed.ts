import { isUtf8 } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';

const begin = '-----BEGIN PGP SIGNED MESSAGE-----';
const signature = '-----BEGIN PGP SIGNATURE-----';
const end = '-----END PGP SIGNATURE-----';

/**
 * Whether bytes are one message with a cleartext signature (RFC 9580, section 7) and nothing beside it: text outside of it
 * is signed by nobody, but looks as if it were.
 */
export function isOneSignedMessage(bytes: Uint8Array): boolean {
  if (!isUtf8(bytes)) return false;
  const lines = Buffer.from(bytes)
    .toString('utf8')
    .trim()
    .split('\n')
    .map((line) => line.trimEnd());
  const marks = lines.filter((line) => /^-----.*-----$/.test(line));
  if (!isDeepStrictEqual(marks, [begin, signature, end])) return false;
  return lines[0] === begin && lines.at(-1) === end && hasHeadersOfHashes(lines);
}

/** Other headers could be taken for a part of the text. */
function hasHeadersOfHashes(lines: readonly string[]): boolean {
  const headers = lines.slice(1, lines.indexOf('', 1));
  return headers.every((header) => /^Hash: [A-Za-z0-9, -]+$/.test(header));
}
