import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';

import { createCertificates, type Certificates } from '../support/certificates.ts';
import { openConfigured } from '../support/configured.ts';
import { faultOf, never } from '../support/http.ts';
import { startNginx, type NginxServer } from '../support/nginx.ts';
import { runOk } from '../support/process.ts';
import { openNamed } from '../support/products/recipes.ts';
import { expectShelf, indexOf, isUnchanged, shelfOf, type Shelved } from '../support/products/shelf.ts';
import { temporaryFolder } from '../support/temp.ts';
import { needsTools, tool } from '../support/tools.ts';

async function serve(
  server: (home: string) => Promise<NginxServer>,
): Promise<{ url: string; shelf: readonly Shelved[]; home: string }> {
  const home = await temporaryFolder();
  const folder = join(home, 'charts');
  await mkdir(folder);
  const shelf = await shelfOf('nginx 1.0.0', 'nginx 1.1.0+build.5');
  await writeFile(join(folder, 'index.yaml'), indexOf(shelf, { urlOf: ({ file }) => file }));
  for (const { file, archive, provenance } of shelf) {
    await writeFile(join(folder, file), archive);
    await writeFile(join(folder, `${file}.prov`), provenance ?? '');
  }
  const nginx = await startNginx(folder, 1, await server(home));
  onTestFinished(() => nginx.stop());
  return { url: nginx.url, shelf, home };
}

/** nginx with a password file, as `htpasswd` makes them. */
async function withPasswords(home: string): Promise<NginxServer> {
  const hash = await runOk(tool('openssl'), ['passwd', '-apr1', 'c4nary-password']);
  const file = join(home, 'htpasswd');
  await writeFile(file, `reader:${hash}`);
  return { directives: `auth_basic "charts"; auth_basic_user_file ${file};` };
}

describe.skipIf(needsTools('nginx', 'openssl'))('nginx with Basic', () => {
  const recipe = (url: string, password: string): string =>
    `upstreams:\n  - { name: corp, url: '${url}', auth: { username: reader, password: ${password} } }\n`;

  it('is read as its recipe says, and answers 304 while nothing changed', async () => {
    const { url, shelf } = await serve(withPasswords);
    const environment = { NGINX_PASSWORD: 'c4nary-password' };
    const { upstream } = (await openNamed('nginx', 'nginx', { url, environment })).settings;
    const listing = await expectShelf(upstream, shelf);
    expect(listing.validator).toMatchObject({ etag: expect.any(String) as string });
    expect(await isUnchanged(upstream, listing)).toBe(true);
  });

  it('refuses who brings nothing, and a wrong password with a message that says so', async () => {
    const { url } = await serve(withPasswords);
    expect((await fetch(`${url}/index.yaml`)).status).toBe(401);
    const { upstream } = (await openConfigured(recipe(url, 'c4nary-wrong'))).settings;
    expect(await faultOf(upstream.list(undefined, never))).toMatchObject({
      code: 'unauthorized',
      message: 'corp: the server refused these credentials for GET /index.yaml (401).',
    });
  });

  it('is asked with the new password as soon as its file has it', async () => {
    const { url, shelf, home } = await serve(withPasswords);
    const secret = join(home, 'secret');
    await writeFile(secret, 'c4nary-old\n');
    const { upstream } = (await openConfigured(recipe(url, `'\${file:${secret}}'`))).settings;
    expect((await faultOf(upstream.list(undefined, never))).code).toBe('unauthorized');
    await writeFile(secret, 'c4nary-password\n');
    await expectShelf(upstream, shelf);
  });
});

describe.skipIf(needsTools('nginx', 'openssl'))('nginx with client certificates', () => {
  async function world() {
    const clients = await certificatesIn(await temporaryFolder());
    const strangers = await certificatesIn(await temporaryFolder());
    let own: Certificates | undefined;
    const served = await serve(async (home) => {
      own = await certificatesIn(join(home, 'tls'));
      const files = `ssl_certificate ${own.certFile}; ssl_certificate_key ${own.keyFile};`;
      return { tls: true, directives: `${files} ssl_client_certificate ${clients.caFile}; ssl_verify_client on;` };
    });
    if (!own) throw new Error('nginx has no certificate');
    return { ...served, caFile: own.caFile, clients, strangers };
  }

  const recipe = (url: string, tls: Readonly<Record<string, string>>): string =>
    `upstreams:\n  - { name: corp, url: '${url}', tls: ${JSON.stringify(tls)} }\n`;

  it('is read as its recipe says by who has one', async () => {
    const { url, shelf, caFile, clients } = await world();
    const files = {
      'ca.pem': await readFile(caFile, 'utf8'),
      'client.pem': await readFile(clients.certFile, 'utf8'),
      'client.key': await readFile(clients.keyFile, 'utf8'),
    };
    const { upstream } = (await openNamed('nginx', 'nginx-certificate', { url, files })).settings;
    const listing = await expectShelf(upstream, shelf);
    expect(await isUnchanged(upstream, listing)).toBe(true);
  });

  it('refuses who has none, or one of strangers', async () => {
    const { url, caFile, strangers } = await world();
    const without = (await openConfigured(recipe(url, { caFile }))).settings.upstream;
    expect(await faultOf(without.list(undefined, never))).toMatchObject({
      message: 'corp: answered 400 Bad Request to GET /index.yaml.',
      advice: expect.stringContaining('tls.certFile') as string,
    });
    const { certFile, keyFile } = strangers;
    const other = (await openConfigured(recipe(url, { caFile, certFile, keyFile }))).settings.upstream;
    expect((await faultOf(other.list(undefined, never))).message).toContain('corp: answered 400 Bad Request');
  });

  it('is not to be spoken to without TLS, which the advice says', async () => {
    const { url } = await world();
    const { upstream } = (await openConfigured(recipe(url.replace('https:', 'http:'), {}))).settings;
    expect(await faultOf(upstream.list(undefined, never))).toMatchObject({
      message: 'corp: answered 400 Bad Request to GET /index.yaml.',
      advice: expect.stringContaining('https://') as string,
    });
  });

  it('is not believed while its own authority is unknown, and the advice names the option', async () => {
    const { url, clients } = await world();
    const { certFile, keyFile } = clients;
    const { upstream } = (await openConfigured(recipe(url, { certFile, keyFile }))).settings;
    expect(await faultOf(upstream.list(undefined, never))).toMatchObject({
      code: 'tls-untrusted',
      advice: expect.stringContaining('tls.caFile') as string,
    });
  });

  it('is shown the new certificate as soon as its files have it', async () => {
    const { url, shelf, caFile, clients, strangers, home } = await world();
    const [certFile, keyFile] = [join(home, 'tls.crt'), join(home, 'tls.key')];
    const show = async (one: Certificates): Promise<void> => {
      await cp(one.certFile, certFile);
      await cp(one.keyFile, keyFile);
    };
    await show(strangers);
    const { upstream } = (await openConfigured(recipe(url, { caFile, certFile, keyFile }))).settings;
    expect((await faultOf(upstream.list(undefined, never))).code).toBe('upstream-failed');
    await show(clients);
    await expectShelf(upstream, shelf);
  });
});

async function certificatesIn(folder: string): Promise<Certificates> {
  await mkdir(folder, { recursive: true });
  return createCertificates(folder);
}
