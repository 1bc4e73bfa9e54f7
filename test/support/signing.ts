import { mkdir, readFile, writeFile } from 'node:fs/promises';
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
  const gpg = await openGnupg(folder);
  const key: SigningKey = {
    name: 'Chartroom test',
    secretKeyring: join(folder, 'secring.gpg'),
    publicKeyring: join(folder, 'pubring.gpg'),
  };
  try {
    await gpg.run('--quick-generate-key', `${key.name} <test@chartroom.invalid>`, 'rsa2048', 'sign', 'never');
    await gpg.run('--output', key.publicKeyring, '--export', key.name);
    await gpg.run('--output', key.secretKeyring, '--export-secret-keys', key.name);
  } finally {
    await gpg.close();
  }
  return key;
}

/** A GnuPG with keys of its own. */
export interface Gnupg {
  readonly folder: string;
  /** Runs it with any arguments. */
  run(...args: readonly string[]): Promise<string>;
  /** Makes a key for signing, unless there is one of this name. */
  key(name: string, algorithm: string): Promise<void>;
  /** The fingerprints of a key and its subkeys. */
  fingerprints(name: string): Promise<readonly string[]>;
  /** Revokes a key, without a reason. */
  revoke(name: string): Promise<void>;
  /** The public keys of these names. */
  export(...names: readonly string[]): Promise<Buffer>;
  /** A text, clear-signed by these keys. */
  sign(text: string, names: readonly string[], ...more: readonly string[]): Promise<string>;
  /** Ends its agent. */
  close(): Promise<void>;
}

/** Opens one below `folder`, whose path must be short. Close it before the folder goes. */
export async function openGnupg(folder: string): Promise<Gnupg> {
  const home = join(folder, 'gnupg');
  await mkdir(home, { mode: 0o700 });
  const env = { PATH: process.env['PATH'], GNUPGHOME: home };
  const common = ['--batch', '--yes', '--passphrase', '', '--pinentry-mode', 'loopback', '--no-auto-check-trustdb'];
  const run = (...args: readonly string[]) => runOk(tool('gpg'), [...common, ...args], { env });
  const fingerprints = async (name: string): Promise<readonly string[]> => {
    const listed = await run('--with-colons', '--list-keys', name);
    return [...listed.matchAll(/^fpr:+([0-9A-F]+):/gm)].map(([, found = '']) => found);
  };
  let files = 0;
  const file = (): string => join(folder, `gpg-${(files += 1)}`);
  return {
    folder,
    run,
    fingerprints,
    key: async (name, algorithm) => {
      if ((await fingerprints(name).catch(() => [])).length > 0) return;
      await run('--quick-generate-key', `${name} <${name}@chartroom.invalid>`, algorithm, 'sign', 'never');
    },
    revoke: async (name) => {
      const [fingerprint = ''] = await fingerprints(name);
      const certificate = join(home, 'openpgp-revocs.d', `${fingerprint}.rev`);
      // kept with a colon before it, so that nobody imports it by accident
      await writeFile(certificate, (await readFile(certificate, 'utf8')).replace(':-----BEGIN', '-----BEGIN'));
      await run('--import', certificate);
    },
    export: async (...names) => {
      const output = file();
      await run('--output', output, '--export', ...names);
      return readFile(output);
    },
    sign: async (text, names, ...more) => {
      const [input, output] = [file(), file()];
      await writeFile(input, text);
      const users = names.flatMap((name) => ['--local-user', name]);
      await run(...users, ...more, '--output', output, '--clearsign', input);
      return readFile(output, 'utf8');
    },
    close: async () => void (await runOk('gpgconf', ['--kill', 'all'], { env })),
  };
}
