import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { runOk } from './process.ts';
import { tool } from './tools.ts';

/** A key pair of its own, in the form that `helm package --sign` and `helm pull --verify` read. */
export interface SigningKey {
  readonly name: string;
  readonly secretKeyring: string;
  readonly publicKeyring: string;
}

/** Makes a key with a real GnuPG in a home of its own below `folder`, whose path must be short. */
export async function createSigningKey(folder: string): Promise<SigningKey> {
  const home = join(folder, 'gnupg');
  await mkdir(home, { mode: 0o700 });
  const env = { PATH: process.env['PATH'], GNUPGHOME: home };
  const gpg = (...args: readonly string[]) => runOk(tool('gpg'), ['--batch', '--passphrase', '', ...args], { env });
  const key: SigningKey = {
    name: 'Chartroom test',
    secretKeyring: join(folder, 'secring.gpg'),
    publicKeyring: join(folder, 'pubring.gpg'),
  };
  try {
    await gpg('--quick-generate-key', `${key.name} <test@chartroom.invalid>`, 'rsa2048', 'sign', 'never');
    await gpg('--output', key.publicKeyring, '--export', key.name);
    await gpg('--pinentry-mode', 'loopback', '--output', key.secretKeyring, '--export-secret-keys', key.name);
  } finally {
    await runOk('gpgconf', ['--kill', 'all'], { env });
  }
  return key;
}
