import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { createCleartextMessage, generateKey, readCleartextMessage, readPrivateKey, sign } from 'openpgp';
import { beforeAll, describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import type { Judgement } from '../../src/chart/verdict.ts';
import { Keyrings, type Keyring } from '../../src/formats/keyring.ts';
import { judgeProvenance } from '../../src/formats/provenance.ts';
import { needsSharedData, sharedData } from '../support/shared-data.ts';

const keyrings = new Keyrings();
const archive = digestOf(Buffer.from('the bytes of an archive'));
const fileName = 'a-1.0.0.tgz';

const keyringOf = (bytes: Uint8Array): Keyring => ({ id: digestOf(bytes), bytes });

/** A message with these bytes where its signature should be. */
const signatureOf = (bytes: Buffer): string =>
  `-----BEGIN PGP SIGNED MESSAGE-----\n\na\n-----BEGIN PGP SIGNATURE-----\n\n${bytes.toString('base64')}\n-----END PGP SIGNATURE-----\n`;

describe('a provenance file', () => {
  let keyring: Keyring;
  let signed: (text: string, times?: number) => Promise<string>;

  beforeAll(async () => {
    const { privateKey, publicKey } = await generateKey({ userIDs: [{ name: 'Ours', email: 'a@corp' }] });
    keyring = keyringOf(Buffer.from(publicKey));
    const key = await readPrivateKey({ armoredKey: privateKey });
    signed = async (text, times = 1) =>
      sign({ message: await createCleartextMessage({ text }), signingKeys: Array.from({ length: times }, () => key) });
  });

  const judged = (provenance: string | Uint8Array, name = fileName): Promise<Judgement> =>
    judgeProvenance({ provenance: Buffer.from(provenance), archive, fileName: name, keyring }, keyrings);

  test('is valid when a key of the keyring signed these bytes by this name, and says who that was', async () => {
    expect(await judged(await signed(`name: a\n\n...\nfiles:\n  ${fileName}: ${archive}\n`))).toEqual({
      result: 'valid',
      signer: 'Ours <a@corp>',
      key: expect.stringMatching(/^[0-9A-F]{40}$/),
    });
  });

  test.each([
    ['no files', 'name: a\n', 'it lists no files'],
    ['files that are none', 'name: a\n...\nfiles: here\n', `it names no file ${fileName}`],
    ['nothing where files should be', 'name: a\n...\n', `it names no file ${fileName}`],
    ['another file', `name: a\n...\nfiles:\n  b-1.0.0.tgz: ${archive}\n`, `it names no file ${fileName}`],
    ['an inherited name', 'name: a\n...\nfiles:\n  x: y\n', 'it names no file constructor', 'constructor'],
    ['other bytes', `name: a\n...\nfiles:\n  ${fileName}: sha256:${'0'.repeat(64)}\n`, 'it was signed for other bytes'],
    ['a digest in capitals', `name: a\n...\nfiles:\n  ${fileName}: ${archive.toUpperCase()}\n`, 'other bytes'],
    ['files before the line of dots', `files:\n  ${fileName}: ${archive}\n...\nimages: {}\n`, `it names no file`],
    [
      'files behind a second line of dots',
      `a\n...\nfiles: {}\n...\nfiles:\n  ${fileName}: ${archive}`,
      'it names no file',
    ],
    [
      'two lists of files',
      `a\n...\nfiles: {}\nfiles:\n  ${fileName}: ${archive}\n`,
      'its list of files cannot be read',
    ],
    ['what is not YAML', 'a\n...\nfiles: [\n', 'its list of files cannot be read'],
    ['aliases without end', `a\n...\nfiles: &a { ${fileName}: *a }\n`, 'its list of files cannot be read'],
  ])('that signs %s is not valid, and says why', async (_, text, reason, name = fileName) => {
    const { result, reason: found } = await judged(await signed(text), name);
    expect([result, found]).toEqual(['invalid', expect.stringContaining(reason)]);
  });

  test('says nothing to a terminal in the name of who signed it', async () => {
    const { privateKey, publicKey } = await generateKey({ userIDs: [{ name: 'A\u001b[2J\u0007' }], format: 'object' });
    const message = await createCleartextMessage({ text: `a\n...\nfiles:\n  ${fileName}: ${archive}\n` });
    const provenance = Buffer.from(await sign({ message, signingKeys: privateKey }));
    const parts = { provenance, archive, fileName, keyring: keyringOf(Buffer.from(publicKey.armor())) };
    expect((await judgeProvenance(parts, keyrings)).signer).toBe('A [2J ');
  });

  test.each([
    { name: 'never', result: 'valid' },
    { name: 'with its key', expires: { key: 20_000 }, result: 'valid', until: 20_000 },
    { name: 'with the subkey that signed', expires: { subkey: 10_000 }, result: 'valid', until: 10_000 },
    { name: 'with the first of both', expires: { key: 10_000, subkey: 20_000 }, result: 'valid', until: 10_000 },
    { name: 'when the time comes that it is dated at', signed: 30_000, result: 'invalid', until: 30_000 },
    { name: 'never, once it is over', expires: { key: -7_140 }, begun: -7_200, result: 'invalid' },
  ])('may be judged otherwise $name', async ({ expires = {}, begun = -3_600, signed: signedAt, result, until }) => {
    const nowMs = Math.floor(Date.now() / 1000) * 1000;
    const at = (seconds: number): Date => new Date(nowMs + seconds * 1000);
    // counted from when the key was made
    const life = (seconds?: number) => ({ keyExpirationTime: seconds === undefined ? 0 : seconds - begun });
    const { privateKey, publicKey } = await generateKey({
      userIDs: [{ name: 'Ours' }],
      date: at(begun),
      subkeys: [{ sign: true, ...life(expires.subkey) }],
      ...life(expires.key),
      format: 'object',
    });
    const message = await createCleartextMessage({ text: `a\n...\nfiles:\n  ${fileName}: ${archive}\n` });
    const provenance = await sign({ message, signingKeys: privateKey, date: at(signedAt ?? begun + 30) });
    const parts = { provenance: Buffer.from(provenance), archive, fileName };
    const judgement = await judgeProvenance({ ...parts, keyring: keyringOf(Buffer.from(publicKey.armor())) }, keyrings);
    expect([judgement.result, judgement.until]).toEqual([result, until && at(until).toISOString()]);
  });

  test('is judged by what was signed, whatever stands around that', async () => {
    const other = await signed('name: a\n...\nfiles: {}\n');
    const unsigned = `name: a\n\n...\nfiles:\n  ${fileName}: ${archive}\n`;
    const begin = '-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n';
    const forged = [
      unsigned + other,
      other + unsigned,
      begin + unsigned + other,
      other.replace(begin, begin + unsigned),
      other.replace('\n\n', `\n${unsigned}\n\n`),
      other.replace('\n\n', `\n\f${unsigned}\n\n`),
      other.replace('-----BEGIN PGP SIGNATURE-----', `${unsigned}-----BEGIN PGP SIGNATURE-----`),
      other.replace('-----BEGIN PGP SIGNATURE-----\n', `-----BEGIN PGP SIGNATURE-----\nComment: ${unsigned}\n`),
      other.replace(
        '-----BEGIN PGP SIGNATURE-----',
        `-----BEGIN PGP MESSAGE-----\n${unsigned}-----BEGIN PGP SIGNATURE-----`,
      ),
    ];
    for (const one of forged) expect(await judged(one)).toMatchObject({ result: 'invalid' });
    expect(new Set(forged).size).toBe(forged.length);
  });

  test.each<readonly [string, string | Uint8Array, string]>([
    ['is empty', '', 'it is no signed message'],
    ['is a web page', '<!doctype html>', 'it is no signed message'],
    ['is bytes', Buffer.from([0xff, 0xfe, 0]), 'it is no signed message'],
    ['is larger than 1 MiB', 'a'.repeat(1024 ** 2 + 1), 'it is larger than 1 MiB'],
    ['has more than signatures in its armour', signatureOf(Buffer.alloc(100_000, 0xc2)), 'larger than 128 KiB'],
    ['has no signature inside', signatureOf(Buffer.of()), 'its signature cannot be read'],
    [
      'has a signature of another age alone',
      signatureOf(Buffer.of(0xc2, 2, 2, 0)),
      'no key of the keyring signed it (it has no signature that can be read)',
    ],
    ['has something else as its signature', signatureOf(Buffer.from('ABC')), 'its signature cannot be read'],
  ])('that %s is not valid', async (_, provenance, reason) => {
    expect(await judged(provenance)).toEqual({ result: 'invalid', reason: expect.stringContaining(reason) });
  });

  test('with more signatures than anybody makes is not valid', async () => {
    expect(await judged(await signed(`a\n...\nfiles:\n  ${fileName}: ${archive}\n`, 32))).toMatchObject({
      result: 'valid',
    });
    expect(await judged(await signed('a\n...\nfiles: {}\n', 33))).toMatchObject({
      reason: 'it has more than 32 signatures',
    });
  });

  test('with any one of its bytes changed is not valid, or means the same', async () => {
    const text = `name: a\n\n...\nfiles:\n  ${fileName}: ${archive}\n`;
    const provenance = Buffer.from(await signed(text));
    for (let at = 0; at < provenance.length; at += 1) {
      const changed = Buffer.from(provenance);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const { result } = await judged(changed);
      // a signature's unsigned half and its armour have bytes that say nothing
      if (result === 'valid') expect(at).toBeGreaterThan(provenance.indexOf('-----BEGIN PGP SIGNATURE-----'));
    }
  });
});

describe.skipIf(needsSharedData('grafana'))('the 78 signed charts of Grafana', () => {
  const packages = join(sharedData('grafana'), 'packages');
  const badOnes = ['loki-0.25.3.tgz', 'loki-stack-0.33.0.tgz', 'promtail-0.19.2.tgz'];

  /** What becomes of each by a keyring, its provenance file taken as it is or made into another one. */
  const judgeAll = async (keyring: Keyring, remake = async (provenance: string) => provenance) => {
    const files = (await readdir(packages)).filter((file) => file.endsWith('.prov')).sort();
    expect(files).toHaveLength(78);
    const judged = files.map(async (file) => {
      const fileName = basename(file, '.prov');
      const provenance = Buffer.from(await remake(await readFile(join(packages, file), 'utf8')));
      const archive = digestOf(await readFile(join(packages, fileName)));
      return [fileName, await judgeProvenance({ provenance, archive, fileName, keyring }, keyrings)] as const;
    });
    return Promise.all(judged);
  };

  test('are signed by a key that their project no longer publishes, which is what Helm says of them, too', async () => {
    const judgements = await judgeAll(keyringOf(await readFile(join(sharedData('grafana'), 'pubkey.gpg'))));
    const reason = 'no key of the keyring signed it (key 7054A9559D3CFB0B)';
    const others = judgements.filter(([, judgement]) => judgement.reason !== reason);
    const invalid = { result: 'invalid', reason: `${reason}, and it was signed for other bytes` };
    expect(others).toEqual(badOnes.map((file) => [file, invalid]));
  });

  test('are what was signed, but for three, whose publisher signed other bytes', async () => {
    const { privateKey, publicKey } = await generateKey({ userIDs: [{ name: 'Ours' }] });
    const signingKeys = await readPrivateKey({ armoredKey: privateKey });
    const signAgain = async (cleartextMessage: string): Promise<string> => {
      const text = (await readCleartextMessage({ cleartextMessage })).getText();
      return sign({ message: await createCleartextMessage({ text }), signingKeys });
    };
    const judgements = await judgeAll(keyringOf(Buffer.from(publicKey)), signAgain);
    const invalid = { result: 'invalid', reason: 'it was signed for other bytes' };
    expect(judgements.filter(([, { result }]) => result !== 'valid')).toEqual(badOnes.map((file) => [file, invalid]));
  });
});
