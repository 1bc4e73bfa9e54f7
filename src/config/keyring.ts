import { digestOf, type Digest } from '../chart/digest.ts';
import { PlaceholderError, readBytes } from './secret.ts';

/** What is in a keyring: public keys that can be read, and those by which something can be valid now. */
export interface KeyCount {
  readonly keys: number;
  readonly usable: number;
}

/** Counts the keys of a keyring. Rejects with an `Error` that says in words why there is none, such as `it holds secret keys`. */
export type CountKeys = (bytes: Uint8Array) => Promise<KeyCount>;

/** A file of public keys, as it was when the configuration was read. */
export class KeyringFile {
  /** Absolute. */
  readonly path: string;
  /** Equal for equal bytes. */
  readonly id: Digest;
  readonly bytes: Uint8Array;
  /** Absent where nobody counted. */
  readonly count: KeyCount | undefined;

  constructor(path: string, bytes: Uint8Array, count?: KeyCount) {
    this.path = path;
    this.id = digestOf(bytes);
    this.bytes = bytes;
    this.count = count;
  }

  /** Whether the file holds the same still. */
  async isCurrent(): Promise<boolean> {
    const present = await readBytes(this.path).catch(() => undefined);
    return present !== undefined && digestOf(present) === this.id;
  }
}

/** Reads a keyring, binary or armoured. Throws `PlaceholderError`, which says what the file is instead, where it is none. */
export async function readKeyring(path: string, countKeys: CountKeys | undefined): Promise<KeyringFile> {
  const bytes = await readBytes(path);
  const fault = faultOf(bytes);
  if (fault !== undefined) throw new PlaceholderError(`the file ${path} ${fault}; expected ${expected}`);
  const count = await countKeys?.(bytes).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new PlaceholderError(`the file ${path} is no keyring that can be used (${why}); expected ${expected}`);
  });
  return new KeyringFile(path, bytes, count);
}

const expected = 'public keys as "gpg --export" writes them, with --armor or without';

/** What a file is that is no keyring, as far as its beginning tells. */
function faultOf(bytes: Buffer): string | undefined {
  if (bytes.length === 0) return 'is empty';
  if (bytes.subarray(8, 12).toString('latin1') === 'KBXf') return 'is a keybox, which GnuPG keeps for itself';
  const text = bytes.toString('latin1');
  if (text.includes('-----BEGIN PGP PRIVATE KEY BLOCK-----') || packetOf(bytes) === packets.secretKey)
    return 'holds secret keys, which have no place on a server';
  const begins = text.includes('-----BEGIN PGP PUBLIC KEY BLOCK-----') || packetOf(bytes) === packets.publicKey;
  return begins ? undefined : 'holds no OpenPGP keys';
}

/** RFC 9580, section 5. */
const packets = { secretKey: 5, publicKey: 6 } as const;

/** The type of the first packet (RFC 9580, section 4.2); undefined for what is no packet. */
function packetOf([first = 0]: Buffer): number | undefined {
  if ((first & 0x80) === 0) return undefined;
  return (first & 0x40) === 0 ? (first >> 2) & 0x0f : first & 0x3f;
}
