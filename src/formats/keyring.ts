import { LRUCache } from 'lru-cache';
import type { PublicKey } from 'openpgp';

import { loadOpenPgp } from './openpgp.ts';

/** What is in a keyring. */
export interface KeyringContents {
  /** Public keys that can be read. */
  readonly keys: number;
  /** Those of them by which something can be valid now: not expired, not revoked, for signing. */
  readonly usable: number;
}

/** Public keys as they stand in a file. */
export interface Keyring {
  /** Equal for equal bytes. */
  readonly id: string;
  readonly bytes: Uint8Array;
}

const maxKeyrings = 32;

/** Keyrings that were read, so that each is read once. Those that nobody used for long are forgotten. */
export class Keyrings {
  readonly #read = new LRUCache<string, Promise<readonly PublicKey[]>>({ max: maxKeyrings });

  /** The keys of one. Rejects as `readKeys` does. */
  keysOf({ id, bytes }: Keyring): Promise<readonly PublicKey[]> {
    const known = this.#read.get(id) ?? readKeys(bytes);
    this.#read.set(id, known);
    return known;
  }
}

/** Counts the keys of a keyring. Rejects as `readKeys` does. */
export async function countKeys(bytes: Uint8Array): Promise<KeyringContents> {
  const { config } = await loadOpenPgp();
  const keys = await readKeys(bytes);
  const signing = await Promise.allSettled(
    keys.map((key) => key.getSigningKey(undefined, undefined, undefined, config)),
  );
  return { keys: keys.length, usable: signing.filter(({ status }) => status === 'fulfilled').length };
}

const armoured = /-----BEGIN PGP PUBLIC KEY BLOCK-----.*?-----END PGP PUBLIC KEY BLOCK-----/gs;

/**
 * Public keys, binary as `gpg --export` writes them or as one or more armoured blocks (RFC 9580, sections 6.2 and 10.1).
 * Keys that cannot be read are left out. Rejects with an `Error` that says in words what is wrong when none is left, and
 * for secret ones.
 */
async function readKeys(bytes: Uint8Array): Promise<readonly PublicKey[]> {
  const { library, config } = await loadOpenPgp();
  const blocks = Buffer.from(bytes).toString('latin1').match(armoured);
  const reading = blocks
    ? blocks.map((armoredKeys) => library.readKeys({ armoredKeys, config }))
    : [library.readKeys({ binaryKeys: new Uint8Array(bytes), config })];
  const keys = (await Promise.all(reading.map((one) => one.catch(() => [])))).flat();
  if (keys.some((key) => key.isPrivate())) throw new Error('it holds secret keys');
  if (keys.length === 0) throw new Error('no key in it can be read');
  return keys;
}
