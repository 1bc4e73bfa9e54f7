import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { faultUpstream, type FaultUpstream, type Script, type SeenRequest } from './fault-upstream.ts';
import { freshHelm } from './helm.ts';
import { end, freePort, untilReady } from './process.ts';
import { tool } from './tools.ts';

/** A real registry (CNCF distribution) on loopback that lets in whoever has a token of a service at another port. */
export interface GuardedRegistry {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** The token service, which gives signed tokens for one user. */
  readonly tokens: FaultUpstream;
  readonly username: string;
  /** The first one. */
  readonly password: string;
  /** From now on the token service takes this one alone. */
  changePassword(password: string): void;
  /** The registry starts anew with another key: no token given so far is good any more. */
  changeKey(): Promise<void>;
  /** Puts an archive below a path with a real Helm. */
  push(archive: string, path: string): Promise<void>;
  stop(): Promise<void>;
}

const [username, firstPassword] = ['pilot', 'first-of-the-pilot'];

/** Starts one on a new folder and a free port. Whoever starts it stops it. */
export async function startGuardedRegistry(): Promise<GuardedRegistry> {
  const home = await mkdtemp(join(tmpdir(), 'chartroom-guarded-'));
  await mkdir(join(home, 'data'));
  const host = `127.0.0.1:${await freePort()}`;
  let password = firstPassword;
  let key: KeyObject | undefined;
  let child: ChildProcess | undefined;
  const tokens = await faultUpstream({
    otherwise: (request): Script => (key ? answerOf(request, basicOf(password), key) : { status: 503 }),
  });
  const stop = async (): Promise<void> => {
    if (child) await end(child);
  };
  const start = async (): Promise<void> => {
    await stop();
    key = await newKey(join(home, 'jwks.json'));
    child = await startRegistry(home, host, `${tokens.origin}/token`);
  };
  await start();
  return {
    ...{ url: `http://${host}`, tokens, username, password: firstPassword },
    changePassword: (next) => {
      password = next;
    },
    changeKey: start,
    push: (archive, path) => push(`oci://${host}/${path}`, archive, password),
    stop: async () => {
      await stop();
      await tokens.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

function basicOf(password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** Makes a key to sign tokens with, and the file by which the registry knows it. */
async function newKey(file: string): Promise<KeyObject> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const known = { ...publicKey.export({ format: 'jwk' }), kid: 'tests', use: 'sig', alg: 'ES256' };
  await writeFile(file, JSON.stringify({ keys: [known] }));
  return privateKey;
}

/** JSON is YAML, which is what distribution reads. */
async function startRegistry(home: string, host: string, realm: string): Promise<ChildProcess> {
  const file = join(home, 'config.json');
  const storage = { filesystem: { rootdirectory: join(home, 'data') } };
  const token = { realm, service: 'harbour', issuer: 'tests', jwks: join(home, 'jwks.json') };
  const http = { addr: host, secret: 'tests need none' };
  await writeFile(file, JSON.stringify({ version: 0.1, log: { level: 'error' }, storage, http, auth: { token } }));
  const env = { PATH: process.env['PATH'], HOME: home, OTEL_TRACES_EXPORTER: 'none' };
  const child = spawn(tool('registry'), ['serve', file], { stdio: 'ignore', env });
  await untilReady(child, async () => (await fetch(`http://${host}/v2/`)).status > 0);
  return child;
}

/** A token for what was asked, as the Docker token specification has it, for who may read. */
function answerOf({ target, headers }: SeenRequest, expected: string, key: KeyObject): Script {
  const json = { 'content-type': 'application/json' };
  if (headers.authorization !== expected) return { status: 401, headers: json, body: '{"errors":[]}' };
  const query = new URL(target, 'http://tokens').searchParams;
  const access = query.getAll('scope').map((scope) => {
    const [type, name, actions] = scope.split(':');
    return { type, name, actions: actions?.split(',') };
  });
  const now = Math.floor(Date.now() / 1000);
  const times = { iat: now, nbf: now - 10, exp: now + 300 };
  const claims = { iss: 'tests', sub: username, aud: query.get('service'), ...times, jti: randomUUID(), access };
  const signed = [{ typ: 'JWT', alg: 'ES256', kid: 'tests' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
  return { headers: json, body: JSON.stringify({ token: `${signed}.${signature}`, expires_in: 300 }) };
}

async function push(place: string, archive: string, password: string): Promise<void> {
  const helm = await freshHelm(4);
  try {
    await helm.ok('push', archive, place, '--plain-http', '--username', username, '--password', password);
  } finally {
    await helm.remove();
  }
}
