import { createCleartextMessage, generateKey, sign } from 'openpgp';

import { hexDigest } from './charts.ts';

/** Somebody who signs charts, without a GnuPG. */
export interface Signer {
  /** The armoured public key. */
  readonly publicKey: string;
  /** The provenance file of an archive, as `helm package --sign` writes it. */
  provenance(chart: string, version: string, archive: Buffer): Promise<Buffer>;
}

/** A new one, by the name that its key bears. */
export async function newSigner(name: string, email: string): Promise<Signer> {
  const { privateKey, publicKey } = await generateKey({ userIDs: [{ name, email }], format: 'object' });
  return {
    publicKey: publicKey.armor(),
    provenance: async (chart, version, archive) => {
      const files = `files:\n  ${chart}-${version}.tgz: sha256:${hexDigest(archive)}\n`;
      const message = await createCleartextMessage({ text: `name: ${chart}\nversion: ${version}\n\n...\n${files}` });
      return Buffer.from(await sign({ message, signingKeys: privateKey }));
    },
  };
}
