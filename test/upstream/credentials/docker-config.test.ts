import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';

import { describe, expect, it } from 'vitest';

import { dockerConfigLogin } from '../../../src/upstream/credentials/docker-config.ts';
import type { Login, LoginSource } from '../../../src/upstream/credentials/login.ts';
import { ManualClock } from '../../support/clock.ts';
import { faultOf } from '../../support/http.ts';
import { temporaryFolder } from '../../support/temp.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const password = (username: string, secret: string): Login => ({ kind: 'password', username, password: secret });

interface Written {
  readonly source: LoginSource;
  readonly file: string;
  readonly write: (content: unknown) => Promise<void>;
}

/** The login for `registry.corp/team` in a file with that content. */
async function written(content: unknown, registry = 'https://registry.corp'): Promise<Written> {
  const file = join(await temporaryFolder(), 'config.json');
  const write = (next: unknown): Promise<void> =>
    writeFile(file, typeof next === 'string' ? next : JSON.stringify(next));
  await write(content);
  const source = dockerConfigLogin({
    upstream: 'corp',
    file,
    allowHelpers: false,
    registry: new URL(registry),
    path: 'team',
    clock: new ManualClock(),
  });
  return { source, file, write };
}

describe("an entry of Docker's config file", () => {
  it.each<[string, object, Login | undefined]>([
    ['auth', { auth: base64('me:pass') }, password('me', 'pass')],
    ['auth whose password has colons', { auth: base64('me:pa:ss:') }, password('me', 'pa:ss:')],
    ['auth without padding', { auth: base64('me:passw').replaceAll('=', '') }, password('me', 'passw')],
    ['auth that ends in null characters', { auth: base64('me:pass\0\0') }, password('me', 'pass')],
    ['auth in UTF-8', { auth: base64('mé:pässwörd') }, password('mé', 'pässwörd')],
    ['auth of a JSON key', { auth: base64('_json_key:{"a": "b"}') }, password('_json_key', '{"a": "b"}')],
    ['username and password', { username: 'me', password: 'pass' }, password('me', 'pass')],
    ['both, of which auth speaks', { username: 'x', password: 'y', auth: base64('me:pass') }, password('me', 'pass')],
    [
      'identitytoken beside an auth',
      { auth: base64('00000000-0000-0000-0000-000000000000:'), identitytoken: 'refresh' },
      { kind: 'identity', token: 'refresh' },
    ],
    ['the user name <token>', { auth: base64('<token>:refresh') }, { kind: 'identity', token: 'refresh' }],
    [
      'registrytoken beside everything else',
      { auth: base64('me:pass'), identitytoken: 'refresh', registrytoken: 'bearer' },
      { kind: 'bearer', token: 'bearer' },
    ],
    ['an e-mail address alone', { email: 'me@corp' }, undefined],
    ['nothing', {}, undefined],
    ['empty fields', { auth: '', username: '', password: '', identitytoken: '', registrytoken: '' }, undefined],
    ['fields of another kind', { auth: 1, username: ['me'], password: null, identitytoken: {} }, undefined],
  ])('with %s is read', async (_, entry, login) => {
    const { source } = await written({ auths: { 'registry.corp': entry } });
    expect(await source.login()).toEqual(login);
  });

  it('that is most specific speaks, and one that says nothing leaves it to the next', async () => {
    const { source, write } = await written({
      auths: {
        'registry.corp': { auth: base64('all:pass') },
        'registry.corp/team': { auth: base64('team:pass') },
        '*.corp': { auth: base64('glob:pass') },
      },
    });
    expect(await source.login()).toMatchObject({ username: 'team' });
    await write({ auths: { 'registry.corp/team': {}, 'registry.corp': {}, '*.corp': { auth: base64('glob:pass') } } });
    expect(await source.login()).toMatchObject({ username: 'glob' });
  });

  it('is found in the old form of the file, and in the one of a Kubernetes secret', async () => {
    const entry = { 'registry.corp': { auth: base64('me:pass'), email: 'me@corp' } };
    for (const content of [entry, { auths: entry }]) {
      const { source } = await written(content);
      expect(await source.login()).toEqual(password('me', 'pass'));
      expect(source.description).toBe('Docker config file');
    }
  });

  it('for another registry is nobody here: anonymous, and said so', async () => {
    const { source } = await written({ auths: { 'ghcr.io': { auth: base64('me:pass') } } });
    expect(await source.login()).toBeUndefined();
    expect(source.description).toBe('anonymous (nothing for registry.corp in the Docker config file)');
  });

  it('is read again each time', async () => {
    const { source, write } = await written({ auths: { 'registry.corp': { auth: base64('me:old') } } });
    const old = await source.login();
    expect(await source.login(old)).toEqual(old);
    await write({ auths: { 'registry.corp': { auth: base64('me:new') } } });
    expect(await source.login(old)).toEqual(password('me', 'new'));
    await write({});
    expect(await source.login()).toBeUndefined();
    await write({ auths: { 'registry.corp': { auth: base64('me:newer') } } });
    expect(await source.login()).toEqual(password('me', 'newer'));
    expect(source.description).toBe('Docker config file');
  });
});

describe("Docker's config file", () => {
  it.each([
    ['not JSON', '{"auths": {"registry.corp": {"auth": "c2VjcmV0LWNhbmFyeQ', 'is not JSON as Docker writes it'],
    ['cut off', '', 'is not JSON as Docker writes it'],
    ['another kind of JSON', '["secret-canary"]', 'is not JSON as Docker writes it'],
    [
      'with an auth that is none',
      { auths: { 'registry.corp': { auth: base64('secret-canary') } } },
      'has an auth that',
    ],
    ['far too large', ' '.repeat(1024 ** 2 + 1), 'is larger than 1 MiB'],
  ])('that is %s is a fault without anything it holds', async (_, content, words) => {
    const { source, file } = await written(content);
    const fault = await faultOf(source.login());
    expect(fault.code).toBe('unauthorized');
    expect(fault.message).toContain(`corp: the Docker config file ${file} ${words}`);
    expect(inspect(fault)).not.toMatch(/canary|c2VjcmV0/);
  });

  it('that is not there is a fault, never an anonymous attempt', async () => {
    const file = join(await temporaryFolder(), 'absent.json');
    const registry = new URL('https://registry.corp');
    const clock = new ManualClock();
    const source = dockerConfigLogin({ upstream: 'corp', file, allowHelpers: false, registry, path: '', clock });
    expect(await faultOf(source.login())).toMatchObject({
      code: 'unauthorized',
      message: `corp: the Docker config file ${file} cannot be read (ENOENT).`,
      advice: 'Check auth.dockerConfig, and the file it names.',
    });
  });

  it.each([
    ['credHelpers', { credHelpers: { 'registry.corp': 'corp' }, auths: { 'registry.corp': { auth: base64('a:b') } } }],
    ['credsStore', { credsStore: 'desktop', auths: { 'registry.corp': {} } }],
  ])('that names a helper in %s is a fault where none may be run', async (_, content) => {
    const { source } = await written(content);
    expect(await faultOf(source.login())).toMatchObject({
      code: 'unauthorized',
      message: 'corp: the Docker config file leaves registry.corp to a credential helper, which may not be run.',
      advice: 'Set auth.allowHelpers, or write the credentials into the file.',
    });
  });

  it('may name a store that is not needed', async () => {
    const { source } = await written({
      credsStore: 'desktop',
      credHelpers: { 'ghcr.io': 'other' },
      auths: { 'registry.corp': { auth: base64('me:pass') } },
    });
    expect(await source.login()).toEqual(password('me', 'pass'));
  });

  it('has more to say about Docker Hub under any of its names', async () => {
    const { source } = await written(
      { auths: { 'https://index.docker.io/v1/': { auth: base64('me:pass') } } },
      'https://registry-1.docker.io',
    );
    expect(await source.login()).toEqual(password('me', 'pass'));
  });
});
