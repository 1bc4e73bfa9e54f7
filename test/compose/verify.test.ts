import { generateKey } from 'openpgp';
import { expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { openConfigured } from '../support/configured.ts';

test('an upstream is given the keys that its provenance is checked by, or none', async () => {
  const { publicKey } = await generateKey({ userIDs: [{ name: 'ours' }] });
  const bytes = Buffer.from(publicKey);
  const open = async (verify: string) => {
    const yaml = `upstreams: [{ name: a, url: https://a.corp, verify: ${verify} }]`;
    return (await openConfigured(yaml, { files: { 'keys.asc': publicKey } })).settings.verify;
  };
  expect(await open('{ keyring: keys.asc, mode: report }')).toEqual({
    mode: 'report',
    keyring: { id: digestOf(bytes), bytes },
  });
  expect(await open('{ keyring: keys.asc, mode: off }')).toBeUndefined();
});
