import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';

import { describe, expect, it, onTestFinished, vi } from 'vitest';

import { dockerConfigLogin } from '../../../src/upstream/credentials/docker-config.ts';
import type { LoginSource } from '../../../src/upstream/credentials/login.ts';
import { ManualClock } from '../../support/clock.ts';
import { faultOf } from '../../support/http.ts';
import { temporaryFolder } from '../../support/temp.ts';

/** A helper program on the path, and a file that names it for every registry. */
interface Helped {
  readonly source: LoginSource;
  readonly clock: ManualClock;
  readonly folder: string;
  /** What the program was told so far, one line each time. */
  readonly asked: () => Promise<string[]>;
  /** What it does from now on, as a shell has it. */
  readonly become: (script: string) => Promise<void>;
}

const answering = (username: string, secret: string): string =>
  `echo '${JSON.stringify({ ServerURL: 'x', Username: username, Secret: secret })}'`;

async function helped(script: string, config: object = {}, registry = 'https://registry.corp:5000'): Promise<Helped> {
  const folder = await temporaryFolder();
  const program = join(folder, 'docker-credential-fake.1');
  const log = join(folder, 'asked');
  vi.stubEnv('PATH', `${folder}:${process.env['PATH'] ?? ''}`);
  onTestFinished(() => void vi.unstubAllEnvs());
  const become = async (next: string): Promise<void> => {
    await writeFile(program, `#!/bin/sh\necho "$1 $(cat)" >> '${log}'\n${next}\n`);
    await chmod(program, 0o755);
  };
  await become(script);
  const file = join(folder, 'config.json');
  await writeFile(file, JSON.stringify({ credsStore: 'fake.1', ...config }));
  const clock = new ManualClock();
  const source = dockerConfigLogin({
    upstream: 'corp',
    file,
    allowHelpers: true,
    registry: new URL(registry),
    path: '',
    clock,
  });
  const asked = async (): Promise<string[]> => (await readFile(log, 'utf8').catch(() => '')).split('\n').slice(0, -1);
  return { source, clock, folder, asked, become };
}

const auths = { 'registry.corp:5000': { username: 'file', password: 'file' } };
const password = (username: string, secret: string): object => ({ kind: 'password', username, password: secret });

describe('a credential helper', () => {
  it('is asked for the host, and comes before what stands in the file', async () => {
    const { source, asked } = await helped(answering('me', 'pass'), { auths });
    expect(await source.login()).toEqual(password('me', 'pass'));
    expect(await asked()).toEqual(['get registry.corp:5000']);
    expect(source.description).toBe('Docker config file');
  });

  it('knows Docker Hub by its oldest name', async () => {
    const { source, asked } = await helped(answering('me', 'pass'), {}, 'https://registry-1.docker.io');
    await source.login();
    expect(await asked()).toEqual(['get https://index.docker.io/v1/']);
  });

  it('of the registry comes before the store, and an empty one takes it away from the store', async () => {
    const config = { credsStore: 'absent', credHelpers: { 'registry.corp:5000': 'fake.1' }, auths };
    const { source } = await helped(answering('me', 'pass'), config);
    expect(await source.login()).toEqual(password('me', 'pass'));
    const without = await helped('exit 1', { credHelpers: { 'registry.corp:5000': '' }, auths });
    expect(await without.source.login()).toEqual(password('file', 'file'));
    expect(await without.asked()).toEqual([]);
  });

  it('that answers with the user <token> has a refresh token', async () => {
    const { source } = await helped(answering('<token>', 'refresh'));
    expect(await source.login()).toEqual({ kind: 'identity', token: 'refresh' });
  });

  it('that knows nothing of the registry leaves it to the file', async () => {
    const unknown = "echo 'credentials not found in native keychain'; exit 1";
    const { source } = await helped(unknown, { auths });
    expect(await source.login()).toEqual(password('file', 'file'));
    const nobody = await helped(unknown);
    expect(await nobody.source.login()).toBeUndefined();
    expect(nobody.source.description).toContain('anonymous (nothing for registry.corp:5000');
  });

  it('is asked again after five minutes, or when what it said was refused; once for all who wait', async () => {
    const { source, clock, asked, become } = await helped(answering('me', 'first'));
    const logins = await Promise.all([source.login(), source.login(), source.login()]);
    expect(new Set(logins.map((login) => JSON.stringify(login))).size).toBe(1);
    await clock.advance(5 * 60_000 - 1);
    await source.login();
    expect(await asked()).toHaveLength(1);
    await clock.advance(1);
    await source.login();
    expect(await asked()).toHaveLength(2);
    await become(answering('me', 'second'));
    expect(await source.login(logins[0])).toEqual(password('me', 'second'));
    expect(await source.login(logins[0])).toEqual(password('me', 'second'));
    expect(await asked()).toHaveLength(3);
  });

  it.each([
    ['fails', 'echo secret-canary; echo secret-canary >&2; exit 3', 'failed (exit status 3)'],
    ['says something else', 'echo secret-canary', 'answered with something that is no credential'],
    ['leaves out the secret', `echo '{"Username":"secret-canary"}'`, 'answered with something that is no credential'],
    ['says far too much', 'yes secret-canary', 'failed'],
  ])('that %s is a fault that repeats nothing of it', async (_, script, words) => {
    const { source } = await helped(script, { auths });
    const fault = await faultOf(source.login());
    expect(fault).toMatchObject({ code: 'unauthorized' });
    expect(fault.message).toBe(`corp: the credential helper docker-credential-fake.1 ${words}.`);
    expect(inspect(fault)).not.toContain('canary');
  });

  it('that never answers is ended after 30 s', async () => {
    const { source, clock, asked } = await helped('exec sleep 1000');
    const login = faultOf(source.login());
    await vi.waitFor(async () => expect(await asked()).toHaveLength(1));
    await clock.advance(30_000);
    expect((await login).message).toBe(
      'corp: the credential helper docker-credential-fake.1 did not answer within 30 s.',
    );
  });

  it.each([
    ['is not installed', 'absent', 'docker-credential-absent is not installed'],
    ['is called as no program is', '../fake', 'of an unusual name is not run'],
    ['is called as a line of a shell is', 'a b; true', 'of an unusual name is not run'],
  ])('that %s is a fault', async (_, name, words) => {
    const { source, asked } = await helped(answering('me', 'pass'), { credsStore: name });
    expect((await faultOf(source.login())).message).toContain(words);
    expect(await asked()).toEqual([]);
  });
});
