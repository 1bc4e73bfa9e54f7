import { spawn } from 'node:child_process';
import { generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { onTestFinished } from 'vitest';

import type { Site, SiteAnswer, SiteRequest } from '../internet.ts';
import { end, freePort, untilReady } from '../process.ts';
import { temporaryFolder } from '../temp.ts';
import { tool } from '../tools.ts';
import { json, registryError, type RegistryShelf } from './registry-shelf.ts';
import { basicOf } from './shelf.ts';

/** Who may read: the one user there is, told by htpasswd or by a token service of the registry's own. */
export const reader = { username: 'chartroom', password: 'pa55-for-tests' };
/** The password above with bcrypt, which is all that distribution reads. */
const htpasswd = `${reader.username}:$2b$04$pTy/uvZWVtN2WhuFn6xoHOSXJPHgWy8gAlRxBsgJGU44kaUBjFavm\n`;

interface RealRegistry {
  /** At the host that it was made for; in front of the real one. */
  readonly site: Site;
  /** From now on tokens are good for nothing. */
  readonly expire: () => void;
}

/** A real distribution with what is on the shelf, at `https://<host>`; it ends with the test. */
export async function distribution(host: string, auth: Guard, shelf: RegistryShelf): Promise<RealRegistry> {
  const home = await temporaryFolder();
  const open = await start(home, {});
  await fill(open.url, shelf);
  await open.stop();
  return guarded(home, host, auth);
}

/** The same with nothing but repositories and their tags, so that there can be many of them. */
export async function listingDistribution(host: string, auth: Guard, shelf: RegistryShelf): Promise<RealRegistry> {
  const home = await temporaryFolder();
  const list = async (repository: string): Promise<void> => {
    const place = join(home, 'data/docker/registry/v2/repositories', repository);
    await mkdir(join(place, '_layers'), { recursive: true });
    for (const { tag, digest } of shelf.tagsOf(repository)) {
      const current = join(place, '_manifests/tags', tag, 'current');
      await mkdir(current, { recursive: true });
      await writeFile(join(current, 'link'), digest);
    }
  };
  await Promise.all(shelf.repositories.map(list));
  return guarded(home, host, auth);
}

type Guard = 'htpasswd' | 'token';

async function guarded(home: string, host: string, auth: Guard): Promise<RealRegistry> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keys = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'tests', use: 'sig', alg: 'ES256' }] };
  await writeFile(join(home, 'jwks.json'), JSON.stringify(keys));
  await writeFile(join(home, 'htpasswd'), htpasswd);
  const token = { realm: `https://${host}/token`, service: host, issuer: 'tests', jwks: join(home, 'jwks.json') };
  const basic = { realm: 'distribution', path: join(home, 'htpasswd') };
  const { url, stop } = await start(home, auth === 'token' ? { token } : { htpasswd: basic });
  onTestFinished(stop);
  let issuer = 'tests';
  const site = async (request: SiteRequest): Promise<SiteAnswer> =>
    request.path === '/token' ? tokenFor(request, issuer, privateKey) : passedOn(url, request);
  return { site, expire: () => (issuer = 'somebody else') };
}

/** JSON is YAML, which is what distribution reads. */
async function start(
  home: string,
  auth: object,
): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const host = `127.0.0.1:${await freePort()}`;
  const file = join(home, 'config.json');
  const storage = { filesystem: { rootdirectory: join(home, 'data') } };
  const http = { addr: host, secret: 'tests need none' };
  await mkdir(join(home, 'data'), { recursive: true });
  await writeFile(file, JSON.stringify({ version: 0.1, log: { level: 'error' }, storage, http, auth }));
  const env = { PATH: process.env['PATH'], HOME: home, OTEL_TRACES_EXPORTER: 'none' };
  const child = spawn(tool('registry'), ['serve', file], { stdio: 'ignore', env });
  const url = `http://${host}`;
  await untilReady(child, async () => (await fetch(`${url}/v2/`)).status > 0);
  return { url, stop: () => end(child) };
}

/** Pushes what is on a shelf, as any client does. */
async function fill(url: string, shelf: RegistryShelf): Promise<void> {
  for (const repository of shelf.repositories) {
    const base = `${url}/v2/${repository}`;
    for (const { tag, digest } of shelf.tagsOf(repository)) {
      const manifest = String(shelf.answer(askFor(`/v2/${repository}/manifests/${digest}`))?.body);
      const { config, layers } = JSON.parse(manifest) as { config: { digest: string }; layers: { digest: string }[] };
      for (const blob of [config, ...layers]) {
        const upload = await fetch(`${base}/blobs/uploads/`, { method: 'POST' });
        const place = new URL(upload.headers.get('location') ?? '', url);
        place.searchParams.set('digest', blob.digest);
        await done(fetch(place, { method: 'PUT', body: shelf.blob(blob.digest) ?? '' }));
      }
      const headers = { 'content-type': 'application/vnd.oci.image.manifest.v1+json' };
      await done(fetch(`${base}/manifests/${tag}`, { method: 'PUT', headers, body: manifest }));
    }
  }
}

async function done(request: Promise<Response>): Promise<void> {
  const answer = await request;
  if (answer.status !== 201) throw new Error(`pushing ended with ${answer.status}: ${await answer.text()}`);
}

function askFor(path: string): SiteRequest {
  const query = new URLSearchParams();
  return { host: '', secure: true, method: 'GET', target: path, path, query, headers: {}, body: '' };
}

async function passedOn(url: string, { method, target, headers }: SiteRequest): Promise<SiteAnswer> {
  const kept = ['authorization', 'accept'].flatMap((name) => (headers[name] ? [[name, String(headers[name])]] : []));
  const answer = await fetch(url + target, { method, headers: Object.fromEntries(kept), redirect: 'manual' });
  const body = Buffer.from(await answer.arrayBuffer());
  return { status: answer.status, headers: Object.fromEntries(answer.headers), body };
}

/** A token service as the specification has it: what was asked for, for who may read; never a refusal for too much. */
function tokenFor({ query, headers }: SiteRequest, issuer: string, key: KeyObject): SiteAnswer {
  if (headers.authorization !== basicOf(reader.username, reader.password)) {
    return registryError(401, 'UNAUTHORIZED', 'authentication required');
  }
  const access = query.getAll('scope').map((scope) => {
    const [type, name, actions] = scope.split(':');
    return { type, name, actions: actions?.split(',') };
  });
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: issuer,
    sub: reader.username,
    aud: query.get('service'),
    exp: now + 300,
    nbf: now - 10,
    iat: now,
  };
  const parts = [
    { typ: 'JWT', alg: 'ES256', kid: 'tests' },
    { ...claims, jti: randomUUID(), access },
  ];
  const signed = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return json({ token: `${signed}.${signature.toString('base64url')}`, expires_in: 300 });
}
