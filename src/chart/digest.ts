import { createHash } from 'node:crypto';

/** `sha256:` and 64 lower-case hex digits. Bare hex exists only in `formats/index.ts` and in keys of the store. */
export type Digest = `sha256:${string}`;

/** Names bytes and says how many there are; the OCI specification's descriptor without its annotations. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

const grammar = /^sha256:[0-9a-f]{64}$/;

/** Whether `text` is a digest as we write it. */
export function isDigest(text: string): text is Digest {
  return grammar.test(text);
}

/** The digest of whole bytes. */
export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The hex digits alone, for keys and ETags. */
export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length);
}
