import { cp, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, onTestFinished, test } from 'vitest';

import { S3Client } from '../../src/lib/s3-client.ts';
import { createAuthority, createCertificates, type Certificates } from '../support/certificates.ts';
import { chartArchive } from '../support/charts.ts';
import { startDistribution } from '../support/distribution.ts';
import { faultUpstream, type Script } from '../support/fault-upstream.ts';
import { startGuardedRegistry } from '../support/guarded-registry.ts';
import { startNginx, type NginxServer } from '../support/nginx.ts';
import { operate, type Operated } from '../support/operator.ts';
import { runOk } from '../support/process.ts';
import { basicOf, indexOf, shelfOf } from '../support/products/shelf.ts';
import { temporaryFolder } from '../support/temp.ts';
import { needsTools, tool } from '../support/tools.ts';
import { startVersitygw } from '../support/versitygw.ts';

/** A server that was started once and is never started again in a test, on one upstream named `here`. */
async function serve(folder: string, upstream: object): Promise<Operated> {
  // nothing but what is asked for by hand, so that nobody else can have found out in between
  const settings = { upstreams: [{ name: 'here', interval: 0, retries: 1, ...upstream }] };
  const operated = await operate(folder, settings);
  onTestFinished(async () => void (await operated.server.stop()));
  return operated;
}

/** What a sync by hand ends in: `ok`, or the code of the fault. */
async function syncOf(operated: Operated): Promise<string> {
  const { status, text } = await operated.sync('here');
  return status === 200 ? 'ok' : (JSON.parse(text) as { readonly error: { readonly code: string } }).error.code;
}

async function repositoryIn(folder: string): Promise<string> {
  const shelf = await shelfOf('nginx 1.0.0');
  await mkdir(folder);
  await writeFile(join(folder, 'index.yaml'), indexOf(shelf, { urlOf: ({ file }) => file }));
  for (const { file, archive } of shelf) await writeFile(join(folder, file), archive);
  return folder;
}

async function startedNginx(home: string, server: NginxServer): Promise<string> {
  const nginx = await startNginx(await repositoryIn(join(home, 'charts')), 1, server);
  onTestFinished(() => nginx.stop());
  return nginx.url;
}

describe.skipIf(needsTools('nginx', 'openssl'))('a password in a file', () => {
  async function world() {
    const home = await temporaryFolder();
    const [secret, passwords] = [join(home, 'secret'), join(home, 'htpasswd')];
    const letIn = async (password: string): Promise<void> =>
      writeFile(passwords, `keeper:${await runOk(tool('openssl'), ['passwd', '-apr1', password])}`);
    await letIn('one');
    await writeFile(secret, 'one\n');
    const url = await startedNginx(home, {
      directives: `auth_basic "charts"; auth_basic_user_file ${passwords};`,
    });
    const operated = await serve(home, { url, auth: { username: 'keeper', password: `\${file:${secret}}` } });
    return { operated, secret, letIn };
  }

  test('is used as soon as the file has another, and what is held is served in between', async () => {
    const { operated, secret, letIn } = await world();
    expect(await syncOf(operated)).toBe('ok');
    await letIn('two');
    expect(await syncOf(operated)).toBe('unauthorized');
    expect((await operated.upstream('here')).state).toBe('failing');
    expect((await operated.get('/index.yaml')).text).toContain('nginx-1.0.0.tgz');
    await writeFile(secret, 'two\n');
    expect(await syncOf(operated)).toBe('ok');
    expect((await operated.upstream('here')).state).toBe('ok');
  });

  test('that cannot be read is a fault until it can', async () => {
    const { operated, secret } = await world();
    await rename(secret, `${secret}.away`);
    expect(await syncOf(operated)).toBe('unauthorized');
    await rename(`${secret}.away`, secret);
    expect(await syncOf(operated)).toBe('ok');
  });
});

test('a credential that cannot be read is no reason to ask as nobody', async () => {
  const home = await temporaryFolder();
  const secret = join(home, 'secret');
  await writeFile(secret, 'one');
  const index = indexOf(await shelfOf('nginx 1.0.0'), { urlOf: ({ file }) => file });
  const server = await faultUpstream({ otherwise: { body: index } });
  const operated = await serve(home, {
    url: server.origin,
    auth: { token: `\${file:${secret}}` },
    mirror: 'requested',
  });
  expect(await syncOf(operated)).toBe('ok');
  await writeFile(secret, '');
  const before = server.requests.length;
  expect(await syncOf(operated)).toBe('unauthorized');
  expect(server.requests.length).toBe(before);
  expect(server.requests.every(({ headers }) => headers.authorization === 'Bearer one')).toBe(true);
});

describe.skipIf(needsTools('registry', 'helm4'))('a registry', () => {
  async function archiveIn(home: string): Promise<string> {
    const file = join(home, 'nginx-1.0.0.tgz');
    await writeFile(file, await chartArchive({ name: 'nginx', version: '1.0.0' }));
    return file;
  }

  test('that takes no token of before, and whose service has another password, is entered with new ones', async () => {
    const home = await temporaryFolder();
    const secret = join(home, 'secret');
    const registry = await startGuardedRegistry();
    onTestFinished(() => registry.stop());
    await registry.push(await archiveIn(home), 'charts');
    await writeFile(secret, registry.password);
    const operated = await serve(home, {
      url: `oci://${new URL(registry.url).host}/charts`,
      charts: ['nginx'],
      plainHTTP: true,
      passCredentials: [registry.tokens.origin],
      auth: { username: registry.username, password: `\${file:${secret}}` },
    });
    expect(await syncOf(operated)).toBe('ok');
    // the token of before is still good, and nobody asks who came by it
    registry.changePassword('second');
    expect(await syncOf(operated)).toBe('ok');
    await registry.changeKey();
    expect(await syncOf(operated)).toBe('unauthorized');
    await writeFile(secret, 'second');
    expect(await syncOf(operated)).toBe('ok');
    await registry.changeKey();
    expect(await syncOf(operated)).toBe('ok');
  });

  test("is entered with what Docker's file says now", async () => {
    const home = await temporaryFolder();
    const registry = await startDistribution({ htpasswd: true });
    onTestFinished(() => registry.stop());
    await registry.push(await archiveIn(home), 'charts');
    const { host } = new URL(registry.url);
    const file = join(home, '.dockerconfigjson');
    const log = async (username: string, password: string): Promise<void> =>
      writeFile(file, JSON.stringify({ auths: { [host]: { username, password } } }));
    await log('reader', 'old');
    const operated = await serve(home, {
      url: `oci://${host}/charts`,
      charts: ['nginx'],
      plainHTTP: true,
      auth: { dockerConfig: file },
    });
    expect(await syncOf(operated)).toBe('unauthorized');
    await log('reader', registry.credential?.password ?? '');
    expect(await syncOf(operated)).toBe('ok');
  });
});

test.skipIf(needsTools('versitygw'))('a bucket is asked with the secret key that its file has now', async () => {
  const home = await temporaryFolder();
  const server = await startVersitygw(join(home, 'buckets'));
  const client = new S3Client(server.options('charts'));
  onTestFinished(async () => {
    client.close();
    await server.stop();
  });
  await client.ensureBucket();
  await client.put('nginx-1.0.0.tgz', await chartArchive({ name: 'nginx', version: '1.0.0' }));
  const secret = join(home, 'secret');
  await writeFile(secret, 'old');
  const { endpoint, accessKeyId } = server;
  const auth = { provider: 'aws', accessKeyId, secretAccessKey: `\${file:${secret}}` };
  const operated = await serve(home, { url: 's3://charts', endpoint, auth });
  expect(await syncOf(operated)).toBe('unauthorized');
  await writeFile(secret, server.secretAccessKey);
  expect(await syncOf(operated)).toBe('ok');
});

describe.skipIf(needsTools('nginx', 'openssl'))('certificates', () => {
  const readTls = async ({ certFile, keyFile }: Omit<Certificates, 'caFile'>) => ({
    cert: await readFile(certFile, 'utf8'),
    key: await readFile(keyFile, 'utf8'),
  });

  test('of a server are believed as soon as caFile has who signs them now', async () => {
    const [home, before, after] = await Promise.all([temporaryFolder(), temporaryFolder(), temporaryFolder()]);
    const [first, second] = [await createAuthority(before, 'First'), await createAuthority(after, 'Second')];
    const body = indexOf(await shelfOf('nginx 1.0.0'), { urlOf: ({ file }) => file });
    const answer: Script = { body };
    const server = await faultUpstream({ tls: await readTls(await first.sign()), otherwise: answer });
    const caFile = join(home, 'ca.pem');
    await cp(first.caFile, caFile);
    const auth = { username: 'keeper', password: 'of-the-keeper' };
    const operated = await serve(home, { url: server.origin, tls: { caFile }, auth, mirror: 'requested' });
    expect(await syncOf(operated)).toBe('ok');
    server.present(await readTls(await second.sign()));
    const seen = server.requests.length;
    expect(await syncOf(operated)).toBe('tls-untrusted');
    expect(server.requests.length).toBe(seen);
    await cp(second.caFile, caFile);
    expect(await syncOf(operated)).toBe('ok');
    expect(server.requests.at(-1)?.headers.authorization).toBe(basicOf('keeper', 'of-the-keeper'));
  });

  test('of ours are shown as soon as their files have them', async () => {
    const [home, known, unknown] = await Promise.all([temporaryFolder(), temporaryFolder(), temporaryFolder()]);
    const [own, strangers] = [await createCertificates(known), await createCertificates(unknown)];
    const files = `ssl_certificate ${own.certFile}; ssl_certificate_key ${own.keyFile};`;
    const directives = `${files} ssl_client_certificate ${own.caFile}; ssl_verify_client on; keepalive_timeout 0;`;
    const url = await startedNginx(home, { tls: true, directives });
    const [certFile, keyFile] = [join(home, 'client.pem'), join(home, 'client.key')];
    const show = async (one: Certificates): Promise<void> => {
      await cp(one.certFile, certFile);
      await cp(one.keyFile, keyFile);
    };
    await show(own);
    const operated = await serve(home, { url, tls: { caFile: own.caFile, certFile, keyFile } });
    expect(await syncOf(operated)).toBe('ok');
    await show(strangers);
    expect(await syncOf(operated)).not.toBe('ok');
    await cp(own.certFile, certFile);
    // half of a pair: said as such, and never sent
    expect(await syncOf(operated)).toBe('tls-untrusted');
    await show(own);
    expect(await syncOf(operated)).toBe('ok');
  });
});
