import { generateKey, readKey } from 'openpgp';
import { beforeAll, describe, expect, test } from 'vitest';

import { countKeys, Keyrings } from '../../src/formats/keyring.ts';

describe('a keyring', () => {
  let [first, second, secret, expired] = ['', '', '', ''];
  beforeAll(async () => {
    const make = (name: string, more: object = {}) => generateKey({ userIDs: [{ name }], ...more });
    ({ publicKey: first, privateKey: secret } = await make('first'));
    ({ publicKey: second } = await make('second'));
    ({ publicKey: expired } = await make('third', { date: new Date('2020-01-01'), keyExpirationTime: 60 }));
  });
  const binary = async (armoured: string): Promise<Uint8Array> =>
    (await readKey({ armoredKey: armoured })).toPublic().write();

  test('may be binary, armoured, or several armoured blocks with words between them', async () => {
    const both = Buffer.concat([await binary(first), await binary(second)]);
    expect(await countKeys(await binary(first))).toEqual({ keys: 1, usable: 1 });
    expect(await countKeys(both)).toEqual({ keys: 2, usable: 2 });
    expect(await countKeys(Buffer.from(first))).toEqual({ keys: 1, usable: 1 });
    expect(await countKeys(Buffer.from(`first:\n${first}\nsecond:\n${second}`))).toEqual({ keys: 2, usable: 2 });
    expect(await countKeys(Buffer.from(first.replaceAll('\n', '\r\n')))).toEqual({ keys: 1, usable: 1 });
  });

  test('says how many of its keys are of use still', async () => {
    expect(await countKeys(Buffer.from(first + expired))).toEqual({ keys: 2, usable: 1 });
  });

  test('has the keys that can be read, also beside one that cannot', async () => {
    const broken = second.replace(/(\n\n.{20}).{8}/, '$1AAAAAAAA');
    expect(await countKeys(Buffer.from(broken + first))).toMatchObject({ usable: 1 });
    const bytes = await binary(first);
    const oldKey = Buffer.from([0x99, 0, 8, 3, 0, 0, 0, 0, 0, 0, 1]);
    expect(await countKeys(Buffer.concat([oldKey, bytes]))).toEqual({ keys: 1, usable: 1 });
    expect(await countKeys(Buffer.concat([bytes, oldKey]))).toEqual({ keys: 1, usable: 1 });
  });

  test.each<readonly [string, () => string | Promise<Uint8Array>, string]>([
    ['nothing that can be read', () => 'A', 'no key in it can be read'],
    ['a key cut off', async () => (await binary(first)).subarray(0, 20), 'no key in it can be read'],
    ['an armoured block of nothing', () => first.replace(/\n\n.*?\n-/s, '\n\n\n-'), 'no key in it can be read'],
  ])('with %s is none', async (_, make, message) => {
    await expect(countKeys(Buffer.from(await make()))).rejects.toThrow(message);
  });

  test('with a secret key in it is refused, wherever that stands', async () => {
    const key = (await readKey({ armoredKey: secret })).write();
    await expect(countKeys(key)).rejects.toThrow('it holds secret keys');
    await expect(countKeys(Buffer.concat([await binary(second), key]))).rejects.toThrow('it holds secret keys');
  });

  test('is read once, however often it is asked for', async () => {
    const keyrings = new Keyrings();
    const bytes = Buffer.from(first);
    const [one, two] = await Promise.all([keyrings.keysOf({ id: 'a', bytes }), keyrings.keysOf({ id: 'a', bytes })]);
    expect(one).toBe(two);
  });
});
