import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { describe, expect, test } from 'vitest';

import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { configOf, writeConfig } from './support.ts';

/** A file with every way to write a secret. */
const text = `
server: { adminToken: "\${TOKEN}" }
store: { s3: { bucket: abc, accessKeyId: id, secretAccessKey: "\${file:one}" } }
defaults: { proxy: "http://u:p@proxy.corp" }
upstreams:
  - { name: a, url: https://a.corp, auth: { username: user, password: "\${file:one}" }, versions: { nginx: ">=1" } }
  - { name: b, url: https://b.corp, auth: { token: "\${TOKEN}" } }
  - { name: c, url: https://c.corp, auth: { headers: { X-Key: "x\${file:one}" } } }
  - { name: d, url: s3://abc, auth: { provider: aws, accessKeyId: id, secretAccessKey: key } }
  - { name: e, url: a.azurecr.io, auth: { provider: azure, tenantId: t, clientId: c, clientSecret: "\${TOKEN}" } }
repositories:
  - { name: x, owners: { "corp-*": a }, deny: [nginx@<2], versions: "^1" }
`;

/** What a file says, and then, changed, at the same place. */
async function twice(from: string, to: string, variables = { TOKEN: 'first' }): Promise<readonly [Config, Config]> {
  const file = await writeConfig(text);
  for (const name of ['one', 'two']) await writeFile(join(dirname(file), name), 'content');
  const before = configOf(await loadConfig(file, { TOKEN: 'first' }));
  expect(text).toContain(from);
  await writeFile(file, text.replaceAll(from, to));
  return [before, configOf(await loadConfig(file, variables))];
}

const differing = ([before, after]: readonly [Config, Config]): readonly string[] =>
  before.upstreams.filter((one, at) => !isDeepStrictEqual(one, after.upstreams[at])).map(({ name }) => name);

describe('two readings of a file', () => {
  test('are equal in everything', async () => {
    const [before, after] = await twice('', '');
    expect(isDeepStrictEqual(before, after)).toBe(true);
  });

  test('are equal although what a secret file holds has changed: it is read anew when it is needed', async () => {
    const file = await writeConfig(text);
    await writeFile(join(dirname(file), 'one'), 'first');
    const before = configOf(await loadConfig(file, { TOKEN: 'first' }));
    await writeFile(join(dirname(file), 'one'), 'second');
    const after = configOf(await loadConfig(file, { TOKEN: 'first' }));
    expect(differing([before, after])).toEqual([]);
    const [{ auth } = {}] = before.upstreams.flatMap((one) => ('auth' in one ? [one] : []));
    expect(auth?.kind === 'password' && (await auth.password.reveal())).toBe('second');
  });

  test('tell another value of a variable', async () => {
    expect(differing(await twice('', '', { TOKEN: 'second' }))).toEqual(['b', 'e']);
  });

  test.each([
    ['another user name', 'user,', 'other,', ['a']],
    ['another file', '"${file:one}" }, versions', '"${file:two}" }, versions', ['a']],
    ['a file and the same text', '"${file:one}" }, versions', 'content }, versions', ['a']],
    ['another header', 'X-Key', 'X-Other', ['c']],
    ['another value of a header', '"x${', '"y${', ['c']],
    ['one more header', 'X-Key:', 'X-More: y, X-Key:', ['c']],
    ['another key', 'secretAccessKey: key', 'secretAccessKey: other', ['d']],
    ['another proxy', ':p@', ':q@', ['a', 'b', 'c', 'd', 'e']],
    ['another range', '">=1"', '">=2"', ['a']],
    [
      'two secrets that are exchanged',
      '{ username: user, password: "${file:one}" }',
      '{ username: "${file:one}", password: user }',
      ['a'],
    ],
  ])('tell %s', async (_what, from, to, names) => {
    expect(differing(await twice(from, to))).toEqual(names);
  });
});
