import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import type { KeyCount } from '../../src/config/keyring.ts';
import { loadConfig, type Loaded } from '../../src/config/load.ts';
import { configOf, problemsOf, writeConfig } from './support.ts';

const binary = Buffer.from([0x99, 0, 0]);
const upstreams = (verify: string): string => `upstreams:\n  - name: a\n    url: ./charts\n    verify: ${verify}\n`;

/** A configuration beside a keyring of these bytes, whose keys are counted so. */
async function load(text: string, keyring: Uint8Array, count?: () => KeyCount): Promise<Loaded> {
  const file = await writeConfig(text);
  await writeFile(join(dirname(file), 'k.gpg'), keyring);
  return loadConfig(file, {}, count && (async () => count()));
}

test('a keyring alone requires, and its path begins at the file', async () => {
  const [{ verify } = {}] = configOf(await load(upstreams('{ keyring: k.gpg }'), binary)).upstreams;
  expect(verify).toMatchObject({ mode: 'require', keyring: { id: digestOf(binary), bytes: binary } });
  expect(verify?.keyring.path).toMatch(/^\/.*\/k\.gpg$/);
});

test.each([
  ['{ keyring: k.gpg, mode: report }', 'report'],
  ['{ mode: off }', undefined],
  ['{ keyring: k.gpg, mode: off }', undefined],
])('verify: %s checks: %s', async (written, mode) => {
  expect(configOf(await load(upstreams(written), binary)).upstreams[0]?.verify?.mode).toBe(mode);
});

test('what defaults say is for every upstream that does not say it itself', async () => {
  const rows = ['{ name: a, url: ./a }', '{ name: b, url: ./b, verify: { mode: off } }'];
  const text = `defaults: { verify: { keyring: k.gpg } }\nupstreams: [${rows.join(', ')}]`;
  const { upstreams: configured } = configOf(await load(text, binary));
  expect(configured.map(({ verify }) => verify?.mode)).toEqual(['require', undefined]);
});

test.each<readonly [string, Uint8Array, string]>([
  ['is empty', Buffer.of(), 'is empty; expected public keys as "gpg --export" writes them'],
  ['is a keybox', Buffer.from('\0\0\0 \x01\x01\0\x02KBXf'), 'is a keybox, which GnuPG keeps for itself; expected'],
  ['holds secret keys', Buffer.from([0x95, 0]), 'holds secret keys, which have no place on a server; expected'],
  ['holds secret keys of a new form', Buffer.from([0xc5, 0]), 'holds secret keys'],
  [
    'holds secret keys in armour',
    Buffer.from('-----BEGIN PGP PRIVATE KEY BLOCK-----\n'),
    'holds secret keys, which have no place on a server',
  ],
  ['holds a signature', Buffer.from([0x89, 0]), 'holds no OpenPGP keys'],
  ['is text', Buffer.from('ssh-ed25519 AAAA'), 'holds no OpenPGP keys'],
  ['is too large', Buffer.alloc(1024 ** 2 + 1, 0x99), 'is larger than 1 MiB'],
])('a keyring that %s is a problem where it is named', async (_, bytes, message) => {
  expect(problemsOf(await load(upstreams('{ keyring: k.gpg }'), bytes))).toMatchObject([
    {
      position: { line: 4, column: 24 },
      option: 'upstreams[0].verify.keyring',
      message: expect.stringContaining(message),
    },
  ]);
});

test.each<readonly [string, Uint8Array]>([
  ['binary', binary],
  ['binary, of a new form', Buffer.from([0xc6, 0])],
  ['armoured', Buffer.from('-----BEGIN PGP PUBLIC KEY BLOCK-----\n')],
  ['armoured behind a few words', Buffer.from('ours:\n-----BEGIN PGP PUBLIC KEY BLOCK-----\n')],
])('a keyring may be %s', async (_, bytes) => {
  configOf(await load(upstreams('{ keyring: k.gpg }'), bytes));
});

test('a keyring in which no key can be read is a problem', async () => {
  const loaded = await load(upstreams('{ keyring: k.gpg }'), binary, () => {
    throw new Error('no key in it can be read');
  });
  expect(problemsOf(loaded)).toMatchObject([
    { option: 'upstreams[0].verify.keyring', message: expect.stringContaining('(no key in it can be read); expected') },
  ]);
});

test('a keyring whose keys have all expired is told about, and no reason not to start', async () => {
  const loaded = await load(upstreams('{ keyring: k.gpg }'), binary, () => ({ keys: 2, usable: 0 }));
  configOf(loaded);
  expect('warnings' in loaded && loaded.warnings).toMatchObject([
    {
      option: 'upstreams[0].verify.keyring',
      message: expect.stringMatching(/^no key in ".*k\.gpg" is valid for signing now/),
    },
  ]);
});

test('a keyring of other bytes is another configuration, one of equal bytes is not', async () => {
  const file = await writeConfig(upstreams('{ keyring: k.gpg }'));
  const read = async (bytes: Uint8Array) => {
    await writeFile(join(dirname(file), 'k.gpg'), bytes);
    return configOf(await loadConfig(file, {}));
  };
  const [first, equal, other] = [await read(binary), await read(Buffer.from(binary)), await read(Buffer.of(0x99, 1))];
  expect(equal).toEqual(first);
  expect(other).not.toEqual(first);
  expect(await other.upstreams[0]?.verify?.keyring.isCurrent()).toBe(true);
  expect(await first.upstreams[0]?.verify?.keyring.isCurrent()).toBe(false);
});
