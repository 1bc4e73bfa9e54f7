import type { Gnupg } from './signing.ts';

/** A provenance file of an archive, the keys it is judged by, and what must come of that. */
export interface ProvenanceCase {
  readonly name: string;
  /** What signs, made with a real GnuPG; the provenance file, and the names of the keys in the keyring. */
  readonly make: (gpg: Gnupg, text: string) => Promise<readonly [provenance: string, ...keyring: string[]]>;
  /** A part of the reason, where it is not valid. */
  readonly reason?: string;
  /** Helm takes it all the same. */
  readonly stricter?: true;
}

const past = ['--faked-system-time', '20200101T000000'];
/** A day later: a clock that is told the time goes on from there. */
const soon = ['--faked-system-time', '20200102T000000'];
const later = ['--faked-system-time', '20200301T000000'];

const simple = (algorithm: string, ...signing: readonly string[]): ProvenanceCase['make'] => {
  return async (gpg, text) => {
    const name = `k${algorithm}`;
    await gpg.key(name, algorithm);
    return [await gpg.sign(text, [name], ...signing), name];
  };
};

/** Kinds of keys and hashes, new and old. */
const kinds: readonly ProvenanceCase[] = [
  ...['rsa1024', 'rsa2048', 'rsa4096', 'ed25519', 'nistp256', 'nistp521', 'dsa2048'].map((algorithm) => ({
    name: `an ${algorithm} key`,
    make: simple(algorithm),
  })),
  ...['SHA1', 'SHA224', 'SHA256', 'SHA384', 'SHA512'].map((hash) => ({
    name: `a hash by ${hash}`,
    make: simple('rsa2048', '--digest-algo', hash),
  })),
  { name: 'a hash by RIPEMD160', make: simple('rsa2048', '--digest-algo', 'RIPEMD160'), reason: 'cannot be read' },
  {
    name: 'a hash by RIPEMD160 that is not named',
    make: async (gpg, text) => {
      const [signed, ...names] = await simple('rsa2048', '--digest-algo', 'RIPEMD160')(gpg, text);
      return [signed.replace(/^Hash: .*\n/m, ''), ...names];
    },
    reason: 'too weak',
  },
  ...['brainpoolP256r1', 'secp256k1'].map((curve) => ({
    name: `a key on the curve ${curve}`,
    make: simple(curve),
    reason: 'of a kind that cannot be checked here',
    stricter: true as const,
  })),
];

/** Keys that are not what they were. */
const lives: readonly ProvenanceCase[] = [
  {
    name: 'a key that has expired since',
    make: async (gpg, text) => {
      await gpg.run(...past, '--quick-generate-key', 'expired', 'rsa2048', 'sign', '60d');
      return [await gpg.sign(text, ['expired'], ...soon), 'expired'];
    },
    reason: 'the key that signed it has expired',
  },
  {
    name: 'a key that was prolonged after it signed',
    make: async (gpg, text) => {
      await gpg.run(...past, '--quick-generate-key', 'prolonged', 'rsa2048', 'sign', '90d');
      const signed = await gpg.sign(text, ['prolonged'], ...soon);
      const [fingerprint = ''] = await gpg.fingerprints('prolonged');
      await gpg.run(...later, '--quick-set-expire', fingerprint, '20y');
      return [signed, 'prolonged'];
    },
  },
  {
    name: 'a signing subkey',
    make: async (gpg, text) => {
      await gpg.key('owner', 'rsa2048');
      const [fingerprint = ''] = await gpg.fingerprints('owner');
      await gpg.run('--quick-add-key', fingerprint, 'ed25519', 'sign', 'never');
      const [, subkey = ''] = await gpg.fingerprints('owner');
      return [await gpg.sign(text, [`${subkey}!`]), 'owner'];
    },
  },
  {
    name: 'a subkey that has expired since',
    make: async (gpg, text) => {
      await gpg.run(...past, '--quick-generate-key', 'parent', 'rsa2048', 'sign', 'never');
      const [fingerprint = ''] = await gpg.fingerprints('parent');
      await gpg.run(...soon, '--quick-add-key', fingerprint, 'rsa2048', 'sign', '90d');
      const [, subkey = ''] = await gpg.fingerprints('parent');
      return [await gpg.sign(text, [`${subkey}!`], ...later), 'parent'];
    },
    reason: 'has expired',
  },
  {
    name: 'a key that was revoked since',
    make: async (gpg, text) => {
      await gpg.key('revoked', 'rsa2048');
      const signed = await gpg.sign(text, ['revoked']);
      await gpg.revoke('revoked');
      return [signed, 'revoked'];
    },
    reason: 'the key that signed it was revoked',
  },
  {
    name: 'a user id that was revoked, beside another one',
    make: async (gpg, text) => {
      await gpg.key('renamed', 'rsa2048');
      const [fingerprint = ''] = await gpg.fingerprints('renamed');
      await gpg.run('--quick-add-uid', fingerprint, 'new name');
      await gpg.run('--quick-revoke-uid', fingerprint, 'renamed <renamed@chartroom.invalid>');
      return [await gpg.sign(text, [fingerprint]), fingerprint];
    },
  },
  {
    name: 'a signature that has expired',
    make: async (gpg, text) => {
      await gpg.run(...past, '--quick-generate-key', 'brief', 'rsa2048', 'sign', 'never');
      return [await gpg.sign(text, ['brief'], ...soon, '--default-sig-expire', '60d'), 'brief'];
    },
    reason: 'the signature has expired',
  },
  {
    name: 'a signature of the future',
    make: async (gpg, text) => {
      await gpg.key('early', 'rsa2048');
      return [await gpg.sign(text, ['early'], '--faked-system-time', '20600101T000000'), 'early'];
    },
    reason: 'in the future',
  },
  {
    name: 'a critical notation that nobody knows',
    make: async (gpg, text) => {
      await gpg.key('notes', 'rsa2048');
      return [await gpg.sign(text, ['notes'], '--sig-notation', '!a@chartroom.invalid=b'), 'notes'];
    },
    reason: 'not sound',
  },
];

/** Signers, and what becomes of the file on its way. */
const ways: readonly ProvenanceCase[] = [
  {
    name: 'another key',
    make: async (gpg, text) => {
      await gpg.key('stranger', 'ed25519');
      await gpg.key('known', 'ed25519');
      return [await gpg.sign(text, ['stranger']), 'known'];
    },
    reason: 'no key of the keyring signed it (key ',
  },
  {
    name: 'a stranger first and a known key second',
    make: async (gpg, text) => {
      await gpg.key('stranger', 'ed25519');
      await gpg.key('known', 'ed25519');
      return [await gpg.sign(text, ['stranger', 'known']), 'known'];
    },
  },
  {
    name: 'a keyring of many',
    make: async (gpg, text) => {
      const names = ['one', 'two', 'three'];
      for (const name of names) await gpg.key(name, 'ed25519');
      return [await gpg.sign(text, ['two']), ...names];
    },
  },
  ...(
    [
      ['lines that end as on Windows', (signed) => signed.replaceAll('\n', '\r\n')],
      ['spaces at the ends of lines', (signed) => signed.replace('name: a\n', 'name: a \t \n')],
      ['no hash named before its text', (signed) => signed.replace(/^Hash: .*\n/m, '')],
      ['an edited text', (signed) => signed.replace('name: a\n', 'name: b\n'), 'does not fit its text'],
      ['an edited digest', (signed) => signed.replace(/sha256:../, 'sha256:00'), 'does not fit its text'],
      ['another header', (signed) => signed.replace(/^Hash:/m, 'Comment: a\nHash:'), 'no signed message'],
      ['text as a header', (signed) => signed.replace('\n\n', '\nHash: files\n\n'), 'cannot be read'],
      ['a signature cut off', (signed) => signed.slice(0, -120), 'no signed message'],
      ['a damaged signature', (signed) => signed.replace(/(\n\n[^\n]{40}[^\n]*\n)[^\n]{8}/s, '$1AAAAAAAA'), ''],
      ['text before it', (signed) => `files: {}\n${signed}`, 'more beside it'],
      ['text behind it', (signed) => `${signed}files: {}\n`, 'more beside it'],
      ['itself twice', (signed) => signed + signed, 'more beside it'],
      ['empty lines around it', (signed) => `\n\n${signed}\n\n`],
      ['a byte order mark', (signed) => `\uFEFF${signed}`, 'cannot be read'],
      ['no signature at all', () => 'name: a\n...\nfiles: {}\n', 'no signed message'],
    ] as readonly (readonly [string, (signed: string) => string, string?])[]
  ).map(([name, edit, reason]) => ({
    name,
    make: async (gpg: Gnupg, text: string) => {
      await gpg.key('editor', 'ed25519');
      return [edit(await gpg.sign(text, ['editor'])), 'editor'] as const;
    },
    ...(reason !== undefined && { reason }),
    ...(reason === 'more beside it' && { stricter: true as const }),
  })),
];

/** All of them. */
export const provenanceCases: readonly ProvenanceCase[] = [...kinds, ...lives, ...ways];
