import { spawn } from 'node:child_process';
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import { join } from 'node:path';
import type { SecureContextOptions, TLSSocket } from 'node:tls';

import { describe, expect, it, onTestFinished } from 'vitest';

import { SecureContexts } from '../../../src/upstream/http/tls.ts';
import { createAuthority, type Authority } from '../../support/certificates.ts';
import { listen } from '../../support/fault-upstream.ts';
import { faultOf, httpClientOf, textOf, type HttpClientSettings, type TestClient } from '../../support/http.ts';
import { end, freePort, run, runOk } from '../../support/process.ts';
import { temporaryFolder } from '../../support/temp.ts';
import { needsTools, tool } from '../../support/tools.ts';

/** A server that notes the serial number of the certificate each request was shown, `none` without. */
interface TlsServer {
  readonly origin: string;
  readonly shown: readonly string[];
  readonly server: Server;
}

async function tlsServer(
  options: SecureContextOptions & { requestCert?: boolean },
  location?: string,
): Promise<TlsServer> {
  const shown: string[] = [];
  const server = createServer({ rejectUnauthorized: true, ...options }, (request, response) => {
    const peer = (request.socket as TLSSocket).getPeerCertificate();
    shown.push(peer?.serialNumber ?? 'none');
    // each request on a connection of its own
    response.writeHead(location && request.url === '/away' ? 302 : 200, {
      connection: 'close',
      ...(location && { location }),
    });
    response.end('safe');
  });
  return { origin: `https://127.0.0.1:${await listen(server)}`, shown, server };
}

async function contents(files: { certFile: string; keyFile: string }): Promise<{ cert: string; key: string }> {
  return { cert: await readFile(files.certFile, 'utf8'), key: await readFile(files.keyFile, 'utf8') };
}

async function ask(client: TestClient, url: string): Promise<string> {
  return await textOf(await client.get(url));
}

async function newAuthority(name?: string): Promise<Authority> {
  return await createAuthority(await temporaryFolder(), name);
}

/** OpenSSL's own server, which hears nobody without a certificate by the authority. */
async function strictServer(authority: Authority, version: string): Promise<string> {
  const { certFile, keyFile } = await authority.sign();
  const port = await freePort();
  const files = ['-cert', certFile, '-key', keyFile, '-CAfile', authority.caFile];
  const strict = ['-Verify', '1', '-verify_return_error', '-www', version];
  const args = ['s_server', '-accept', `127.0.0.1:${port}`, ...files, ...strict];
  const child = spawn(tool('openssl'), args, { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => end(child, 'SIGKILL'));
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (text) => String(text).includes('ACCEPT') && resolve());
  });
  return `https://127.0.0.1:${port}`;
}

const serialOf = async (certFile: string): Promise<string> =>
  (await runOk(tool('openssl'), ['x509', '-in', certFile, '-noout', '-serial'])).trim().replace('serial=', '');

describe.skipIf(needsTools('openssl'))('a server certificate', () => {
  it('is trusted when its authority is in tls.caFile, which adds to the authorities of the system', async () => {
    const authority = await newAuthority();
    const { origin } = await tlsServer(await contents(await authority.sign()));
    expect(await ask(httpClientOf(origin, { tls: { caFile: authority.caFile } }), origin)).toBe('safe');
    expect(await faultOf(httpClientOf(origin).get(origin))).toMatchObject({
      code: 'tls-untrusted',
      message: expect.stringMatching(/^nexus: the certificate of 127\.0\.0\.1 is signed by/) as string,
      advice: 'Set tls.caFile.',
    });
    const foreign = await newAuthority('another authority');
    const fault = await faultOf(httpClientOf(origin, { tls: { caFile: foreign.caFile } }).get(origin));
    expect([fault.code, fault.advice]).toEqual(['tls-untrusted', 'Set tls.caFile, or renew what it names.']);
  });

  it.each(['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE'])(
    'is trusted without tls when its authority is in %s',
    async (name) => {
      const authority = await newAuthority();
      const { origin } = await tlsServer(await contents(await authority.sign()));
      const connecting = `
      import { connect } from 'node:tls';
      import { SecureContexts } from ${JSON.stringify(new URL('../../../src/upstream/http/tls.ts', import.meta.url).href)};
      const secureContext = new SecureContexts().of({ ca: '', cert: '', key: '' });
      const socket = connect({ host: '127.0.0.1', port: ${new URL(origin).port}, secureContext });
      socket.on('secureConnect', () => socket.end(() => console.log('trusted')));
    `;
      const environment = { PATH: process.env['PATH'], [name]: authority.caFile };
      const args = ['--input-type=module', '--eval', connecting];
      expect(await runOk(process.execPath, args, { env: environment })).toBe('trusted\n');
      expect((await run(process.execPath, args, { env: { PATH: process.env['PATH'] } })).code).toBe(1);
    },
  );

  it('by a new authority is trusted as soon as caFile names it, and the old one no longer is', async () => {
    const [old, new_] = [await newAuthority('old'), await newAuthority('new')];
    const caFile = join(await temporaryFolder(), 'ca.pem');
    await copyFile(old.caFile, caFile);
    const { origin, server } = await tlsServer(await contents(await old.sign()));
    const client = httpClientOf(origin, { tls: { caFile } });
    expect(await ask(client, origin)).toBe('safe');
    server.setSecureContext(await contents(await new_.sign()));
    expect((await faultOf(client.get(origin))).code).toBe('tls-untrusted');
    await copyFile(new_.caFile, caFile);
    expect(await ask(client, origin)).toBe('safe');
    server.setSecureContext(await contents(await old.sign('again')));
    expect((await faultOf(client.get(origin))).code).toBe('tls-untrusted');
  });

  it('is not looked at with insecureSkipTLSVerify', async () => {
    const authority = await newAuthority();
    const { origin } = await tlsServer(await contents(await authority.sign('other', ['DNS:elsewhere.corp'])));
    expect(await ask(httpClientOf(origin, { tls: { insecureSkipTLSVerify: true } }), origin)).toBe('safe');
  });
});

describe.skipIf(needsTools('openssl'))('our own certificate', () => {
  async function world(
    location?: string,
  ): Promise<TlsServer & { authority: Authority; serial: string; tls: HttpClientSettings['tls'] }> {
    const authority = await newAuthority();
    const ca = await readFile(authority.caFile, 'utf8');
    const server = await tlsServer({ ...(await contents(await authority.sign())), ca, requestCert: true }, location);
    const own = await authority.sign('client');
    return { ...server, authority, serial: await serialOf(own.certFile), tls: { caFile: authority.caFile, ...own } };
  }

  it('is shown to the upstream', async () => {
    const { origin, tls, shown, serial } = await world();
    expect(await ask(httpClientOf(origin, { tls }), origin)).toBe('safe');
    expect(shown).toEqual([serial]);
  });

  it.each([
    ['-tls1_3', 'tls-untrusted', 'asks for a certificate of ours', 'Set tls.certFile and tls.keyFile.'],
    ['-tls1_2', 'upstream-unreachable', 'does not speak TLS', 'It may want a certificate of ours (tls.certFile)'],
  ])(
    'is asked for in words when there is none, or when it is not accepted: %s',
    async (version, code, what, advice) => {
      const authority = await newAuthority();
      const { caFile } = authority;
      const origin = await strictServer(authority, version);
      const missing = await faultOf(httpClientOf(origin, { tls: { caFile } }).get(origin));
      expect(missing.code).toBe(code);
      expect(missing.message).toContain(`nexus: ${new URL(origin).host} ${what}`);
      expect(missing.advice).toContain(advice);
      const foreign = await (await newAuthority('foreign')).sign('client');
      expect(await faultOf(httpClientOf(origin, { tls: { caFile, ...foreign } }).get(origin))).toMatchObject({
        code: 'tls-untrusted',
        message: `nexus: ${new URL(origin).host} does not accept our certificate.`,
      });
      const own = await authority.sign('client');
      expect(await ask(httpClientOf(origin, { tls: { caFile, ...own } }), origin)).toContain('<HTML>');
    },
  );

  it('is never shown to another origin, nor to its own once somebody else led back there', async () => {
    const authority = await newAuthority();
    const ca = await readFile(authority.caFile, 'utf8');
    const files = await contents(await authority.sign());
    const curious = { ...files, ca, requestCert: true, rejectUnauthorized: false };
    const own = await tlsServer(curious);
    const other = await tlsServer(curious, `${own.origin}/back`);
    const tls = { caFile: authority.caFile, ...(await authority.sign('client')) };
    const client = httpClientOf(own.origin, { tls, reach: { allowPrivateNetwork: true } });
    expect(await ask(client, own.origin)).toBe('safe');
    expect(await ask(client, other.origin)).toBe('safe');
    expect(await ask(client, `${other.origin}/away`)).toBe('safe');
    const homes = [new URL(other.origin)];
    expect(
      await ask(httpClientOf(own.origin, { tls, homes, reach: { allowPrivateNetwork: true } }), other.origin),
    ).toBe('safe');
    expect(other.shown).toEqual(['none', 'none', 'none']);
    expect(own.shown).toEqual([await serialOf(tls.certFile), 'none']);
  });

  it('is shown to whoever receives credentials', async () => {
    const { origin, tls, shown, serial } = await world();
    const trusted = [new URL('https://127.0.0.1:1/'), new URL(origin)] as const;
    expect(await ask(httpClientOf('https://127.0.0.1:1', { tls, reach: { trusted } }), origin)).toBe('safe');
    expect(shown).toEqual([serial]);
  });

  it('that was renewed is the one that is shown from then on', async () => {
    const { origin, authority, shown } = await world();
    const own = await authority.sign('client');
    const client = httpClientOf(origin, { tls: { caFile: authority.caFile, ...own } });
    const serials = [await serialOf(own.certFile)];
    await ask(client, origin);
    await authority.sign('client');
    serials.push(await serialOf(own.certFile));
    await ask(client, origin);
    expect(shown).toEqual(serials);
    expect(serials[0]).not.toBe(serials[1]);
  });
});

describe.skipIf(needsTools('openssl'))('a file of tls', () => {
  it('that is of no use is named, and what is in it is not', async () => {
    const authority = await newAuthority();
    const { certFile, keyFile } = await authority.sign('client');
    const other = await authority.sign('other');
    const folder = await temporaryFolder();
    const [junk, empty, locked, damaged] = ['junk', 'empty', 'locked', 'damaged'].map((name) => join(folder, name));
    await writeFile(junk ?? '', 's3cret');
    await writeFile(empty ?? '', '\n');
    await writeFile(damaged ?? '', '-----BEGIN CERTIFICATE-----\ns3cret\n-----END CERTIFICATE-----\n');
    await runOk(tool('openssl'), ['pkcs8', '-topk8', '-in', keyFile, '-out', locked ?? '', '-passout', 'pass:s3cret']);
    const { origin } = await tlsServer(await contents(other));
    const told = async (tls: HttpClientSettings['tls']): Promise<string> => {
      const { code, message, advice } = await faultOf(httpClientOf(origin, { tls }).get(origin));
      expect(code).toBe('tls-untrusted');
      expect(message + advice).not.toContain('s3cret');
      return `${message} ${advice}`;
    };
    expect(await told({ caFile: join(folder, 'gone') })).toBe(
      'nexus: tls.caFile cannot be read (ENOENT). Check the file that tls.caFile names.',
    );
    expect(await told({ caFile: junk })).toContain('nexus: tls.caFile holds no certificate in PEM form.');
    expect(await told({ caFile: empty })).toContain('nexus: tls.caFile is empty.');
    expect(await told({ caFile: damaged })).toContain('nexus: tls.caFile holds a certificate that is damaged.');
    expect(await told({ certFile: junk, keyFile })).toContain('nexus: tls.certFile holds no certificate');
    expect(await told({ certFile, keyFile: junk })).toContain('nexus: tls.keyFile holds no private key in PEM form.');
    expect(await told({ certFile, keyFile: locked })).toBe(
      'nexus: tls.keyFile is encrypted. Give a key without passphrase, in a file that nobody else may read.',
    );
    expect(await told({ certFile, keyFile: other.keyFile })).toContain(
      'nexus: tls.keyFile is not the key of the certificate in tls.certFile.',
    );
  });

  it('that goes away is a fault for the next connection, and none when it is back', async () => {
    const authority = await newAuthority();
    const { origin } = await tlsServer(await contents(await authority.sign()));
    const client = httpClientOf(origin, { tls: { caFile: authority.caFile } });
    expect(await ask(client, origin)).toBe('safe');
    const text = await readFile(authority.caFile);
    await rm(authority.caFile);
    expect((await faultOf(client.get(origin))).message).toContain('tls.caFile cannot be read');
    await writeFile(authority.caFile, text);
    expect(await ask(client, origin)).toBe('safe');
  });
});

it('a context is made once for all who trust and show the same', async () => {
  const contexts = new SecureContexts();
  const nothing = { ca: '', cert: '', key: '' };
  const one = contexts.of(nothing);
  expect(contexts.of({ ...nothing })).toBe(one);
  expect(new SecureContexts().of(nothing)).not.toBe(one);
});
