import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { generateKey } from 'openpgp';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';

import { eventually } from '../e2e/client.ts';
import { temporaryFolder } from '../support/temp.ts';
import { startReloading } from './reloading.ts';

const newKeys = async (): Promise<string> => (await generateKey({ userIDs: [{ name: 'ours' }] })).publicKey;

test('a server loads a keyring that changes, keeps the one it has while that is none, and leaves an equal one alone', async () => {
  const folder = await temporaryFolder();
  const [file, keyring] = [join(folder, 'chartroom.yaml'), join(folder, 'keys.asc')];
  const upstreams = [{ name: 'here', url: folder, verify: { keyring: 'keys.asc', mode: 'report' } }];
  await writeFile(file, stringify({ server: { listen: '127.0.0.1:0' }, log: { level: 'debug' }, upstreams }));
  const first = await newKeys();
  await writeFile(keyring, first);
  const server = await startReloading(file);
  const state = (wanted: string) =>
    eventually(
      () => server.configuration(),
      (seen) => seen.state === wanted,
    );

  await writeFile(keyring, 'keys');
  const { problems } = await state('refused');
  expect(problems).toEqual([
    expect.stringMatching(/chartroom\.yaml:\d+:\d+ upstreams\[0\]\.verify\.keyring: .*keys\.asc holds no OpenPGP keys/),
  ]);
  await writeFile(keyring, first.replace(/\n\n.*?\n-/s, '\n\n\n-'));
  await eventually(
    () => server.configuration(),
    (seen) => seen.problems?.[0]?.includes('(no key in it can be read)') === true,
  );
  await writeFile(keyring, first);
  await server.logged(({ msg }) => msg === 'the configuration was loaded again: nothing changed');
  await writeFile(keyring, await newKeys());
  expect(await server.logged(({ msg }) => msg === 'the configuration was loaded again')).toMatchObject({
    upstreams: { changed: ['here'] },
  });
  expect((await server.configuration()).state).toBe('ok');
}, 60_000);
