import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freshHelm } from './helm.ts';
import { end, freePort, untilReady } from './process.ts';
import { tool } from './tools.ts';

/** A real registry (CNCF distribution) on loopback, without TLS. */
export interface Distribution {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** Who may read and write, where that was asked for. */
  readonly credential: { readonly username: string; readonly password: string } | undefined;
  /** Puts an archive below a path with a real Helm, and the `.prov` beside it. Answers with what Helm printed. */
  push(archive: string, path: string): Promise<string>;
  /** May be called more than once. */
  stop(): Promise<void>;
}

export interface DistributionOptions {
  /** Only one user may do anything (htpasswd, Basic). */
  readonly htpasswd?: boolean;
  /** Tags on one page of a list at most. */
  readonly maxTags?: number;
}

const credential = { username: 'reader', password: 'pa55-for-tests' };
/** The password above with bcrypt, which is all that distribution reads. */
const htpasswd = `${credential.username}:$2b$04$pTy/uvZWVtN2WhuFn6xoHOSXJPHgWy8gAlRxBsgJGU44kaUBjFavm\n`;

/** Starts a registry on a new folder and a free port. */
export async function startDistribution(options: DistributionOptions = {}): Promise<Distribution> {
  const home = await mkdtemp(join(tmpdir(), 'chartroom-distribution-'));
  const host = `127.0.0.1:${await freePort()}`;
  await mkdir(join(home, 'data'));
  await writeFile(join(home, 'htpasswd'), htpasswd);
  await writeFile(join(home, 'config.json'), JSON.stringify(configuration(home, host, options)));
  const env = { PATH: process.env['PATH'], HOME: home, OTEL_TRACES_EXPORTER: 'none' };
  const child = spawn(tool('registry'), ['serve', join(home, 'config.json')], { stdio: 'ignore', env });
  const url = `http://${host}`;
  await untilReady(child, async () => (await fetch(`${url}/v2/`)).status > 0);
  return {
    url,
    credential: options.htpasswd ? credential : undefined,
    push: (archive, path) => push(host, archive, path, options.htpasswd ?? false),
    stop: async () => {
      await end(child);
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** JSON is YAML, which is what distribution reads. */
function configuration(home: string, host: string, { htpasswd: locked, maxTags }: DistributionOptions): object {
  return {
    version: 0.1,
    log: { level: 'error' },
    storage: { filesystem: { rootdirectory: join(home, 'data') }, delete: { enabled: true } },
    http: { addr: host, secret: 'tests need none' },
    ...(locked && { auth: { htpasswd: { realm: 'distribution', path: join(home, 'htpasswd') } } }),
    ...(maxTags && { tags: { maxtags: maxTags } }),
  };
}

async function push(host: string, archive: string, path: string, locked: boolean): Promise<string> {
  const helm = await freshHelm(4);
  const login = ['--username', credential.username, '--password', credential.password];
  try {
    return await helm.ok('push', archive, `oci://${host}/${path}`, '--plain-http', ...(locked ? login : []));
  } finally {
    await helm.remove();
  }
}
