import { createHash } from 'node:crypto';

import { createCleartextMessage, generateKey, sign, type PrivateKey, type PublicKey } from 'openpgp';

import type { Keyring } from '../../src/mirror/settings.ts';

/** Somebody who signs charts as `helm package --sign` does, with a key that is made in memory. */
export interface Signer {
  /** The public keys, in binary. */
  readonly keyring: Keyring;
  readonly fingerprint: string;
  /** The provenance file of an archive; of another name or other bytes where those are given. */
  sign(chart: string, version: string, archive: Buffer): Promise<Buffer>;
}

/** Makes one. One that is expired signed while its key was good. */
export async function createSigner(name: string, { expired = false } = {}): Promise<Signer> {
  const date = expired ? new Date('2020-01-01T00:00:00Z') : new Date(Date.now() - 60_000);
  const { privateKey, publicKey } = await generateKey({
    userIDs: [{ name, email: `${name}@chartroom.invalid` }],
    format: 'object',
    date,
    ...(expired && { keyExpirationTime: 86_400 }),
  });
  return {
    keyring: keyringOf(publicKey),
    fingerprint: publicKey.getFingerprint().toUpperCase(),
    sign: (chart, version, archive) => signed(privateKey, date, textOf(chart, version, archive)),
  };
}

async function signed(signingKeys: PrivateKey, date: Date, text: string): Promise<Buffer> {
  const message = await createCleartextMessage({ text });
  return Buffer.from(await sign({ message, signingKeys, date: new Date(date.getTime() + 1_000) }));
}

function keyringOf(key: PublicKey): Keyring {
  const bytes = key.write();
  return { id: createHash('sha256').update(bytes).digest('hex'), bytes };
}

function textOf(chart: string, version: string, archive: Buffer): string {
  const digest = createHash('sha256').update(archive).digest('hex');
  return `name: ${chart}\nversion: ${version}\n\n...\nfiles:\n  ${chart}-${version}.tgz: sha256:${digest}\n`;
}

/** The same file with another word in what was signed. */
export function edited(provenance: Buffer): Buffer {
  return Buffer.from(provenance.toString().replace('name: ', 'name:  '));
}
