import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';

import { describe, expect, onTestFinished, test } from 'vitest';

import { findBreaches, readSources } from '../scripts/check-imports.ts';

const maxFileLines = 300;

function breachesIn(path: string, text: string): string[] {
  return findBreaches([{ path, text }]);
}

describe('the house', () => {
  test('keeps its import directions', async () => {
    const sources = await readSources();

    expect(sources.length).toBeGreaterThan(10);
    expect(findBreaches(sources)).toEqual([]);
  });

  test('has no file longer than a reader can hold in mind', async () => {
    const names = await Promise.all(['src', 'test', 'scripts'].map((root) => filesBelow(root)));
    const long: string[] = [];
    for (const path of names.flat()) {
      const lines = (await readFile(path, 'utf8')).split('\n').length - 1;
      if (lines > maxFileLines) long.push(`${path} has ${lines} lines`);
    }

    expect(long).toEqual([]);
  });
});

async function filesBelow(root: string): Promise<string[]> {
  const names = await readdir(root, { recursive: true });
  return names.filter((name) => name.endsWith('.ts')).map((name) => `${root}/${name}`);
}

describe('the check of import directions refuses', () => {
  test.each([
    ['src/lib/x.ts', "import { a } from '../chart/names.ts';", 'lib/x must not know chart/names'],
    ['src/chart/x.ts', "import type { A } from '../formats/index.ts';", 'chart/x must not know formats/index'],
    ['src/upstream/x.ts', "import type { A } from '../store/contract.ts';", 'upstream/x must not know store/contract'],
    ['src/store/s3.ts', "export { a } from '../upstream/contract.ts';", 'store/s3 must not know upstream/contract'],
    ['src/store/s3.ts', "export * from '../upstream/contract.ts';", 'store/s3 must not know upstream/contract'],
    ['src/mirror/x.ts', "import { A } from '../store/s3.ts';", 'mirror/x must not know store/s3'],
    ['src/mirror/x.ts', "import { A } from '../upstream/folder.ts';", 'mirror/x must not know upstream/folder'],
    ['src/server/x.ts', "import { A } from '../mirror/sync.ts';", 'server/x must not know mirror/sync'],
    ['src/commands/x.ts', "const a = await import('../store/blobs.ts');", 'commands/x must not know store/blobs'],
    ['src/server/x.ts', "let a: import('../web/page.ts').Page;", 'server/x must not know web/page'],
    ['src/mirror/x.ts', "import { load } from '../config/load.ts';", 'mirror/x must not know config/load'],
    [
      'src/config/x.ts',
      "import { A } from '../mirror/contract/doors.ts';",
      'config/x must not know mirror/contract/doors',
    ],
    ['src/compose.ts', "import { a } from './main.ts';", 'compose must not know main'],
    ['src/lib/pool.ts', "new URL('../worker.ts', import.meta.url);", 'lib/pool must not know worker'],
    ['src/worker.ts', "import { A } from './mirror/contract/doors.ts';", 'worker must not know mirror/contract/doors'],
    ['src/lib/x.ts', "import '../../test/support/clock.ts';", 'imports test/support/clock.ts, which is outside of src'],
    [
      'src/server/x.ts',
      "import it from '../../package.json' with { type: 'json' };",
      'package.json belongs in compose, serve, main',
    ],
    ['src/tools/x.ts', '', 'is in no room of the house'],
  ])('%s: %s', (path, text, breach) => {
    expect(breachesIn(path, text)).toEqual([`${path}: ${breach}`]);
  });

  test.each([
    ['src/mirror/x.ts', "import { Hono } from 'hono';", 'hono belongs in server, web, compose'],
    [
      'src/upstream/x.ts',
      "import type { A } from '@hono/node-server/conninfo';",
      '@hono/node-server belongs in server, web, compose',
    ],
    ['src/store/s3.ts', "import { Client } from 'minio';", 'minio belongs in lib/s3-client'],
    ['src/lib/x.ts', 'process.env.HOME;', 'process.env belongs in config'],
    ['src/lib/x.ts', "process['env'].HOME;", 'process.env belongs in config'],
    ['src/lib/x.ts', 'const { env } = process;', 'process.env belongs in config'],
    ['src/main.ts', "import { env } from 'node:process';", 'process.env belongs in config'],
    ['src/mirror/x.ts', 'const at = Date.now();', 'Date.now belongs in lib/clock'],
    ['src/mirror/x.ts', 'const at = new Date();', 'new Date() belongs in lib/clock'],
    ['src/server/x.ts', 'globalThis.performance.now();', 'performance.now belongs in lib/clock'],
    ['src/mirror/x.ts', 'globalThis.setTimeout(() => {}, 5);', 'setTimeout belongs in lib/clock, lib/thread'],
    ['src/mirror/x.ts', 'promisify(setTimeout);', 'setTimeout belongs in lib/clock, lib/thread'],
    [
      'src/lib/x.ts',
      "import { setInterval as every } from 'node:timers/promises';",
      'setInterval belongs in lib/clock, lib/thread',
    ],
    ['src/store/x.ts', 'AbortSignal.timeout(5);', 'AbortSignal.timeout belongs in lib'],
  ])('%s: %s', (path, text, breach) => {
    expect(breachesIn(path, text)).toEqual([`${path}: ${breach}`]);
  });
});

describe('the check of import directions allows', () => {
  test.each([
    ['src/mirror/x.ts', "import { a } from '../store/blobs.ts'; import { b } from '../upstream/contract.ts';"],
    ['src/server/x.ts', "import { a } from '../mirror/contract/doors.ts'; import { Hono } from 'hono';"],
    [
      'src/upstream/credentials/basic.ts',
      "import { a } from '../contract.ts'; import { b } from '../../lib/bytes.ts';",
    ],
    ['src/lib/s3-client.ts', "import { Client } from 'minio'; AbortSignal.timeout(5);"],
    ['src/config/load.ts', 'process.env.HOME;'],
    ['src/compose.ts', "import { a } from './store/s3.ts'; new URL('./worker.ts', import.meta.url);"],
    ['src/main.ts', "import it from '../package.json' with { type: 'json' };"],
    ['src/server/x.ts', 'socket.setTimeout(5); const at = new Date(5); const options = { setTimeout: 5 };'],
  ])('%s: %s', (path, text) => {
    expect(breachesIn(path, text)).toEqual([]);
  });
});

describe('a test', () => {
  test.each(['203.0.113.1', '::ffff:203.0.113.1', '10.0.0.1'])('cannot connect to %s', (host) => {
    expect(() => connect(9, host)).toThrow(`a test dialled ${host}`);
    expect(() => connect({ port: 9, host })).toThrow(`a test dialled ${host}`);
  });

  test('cannot connect to an address that a lookup of its own found', async () => {
    const socket = connect({
      port: 9,
      host: 'charts.corp',
      lookup: (_host, _options, callback) => callback(null, [{ address: '203.0.113.1', family: 4 }]),
    });
    const [error] = (await once(socket, 'error')) as [Error];

    expect(error.message).toContain('a test dialled 203.0.113.1');
  });

  test('never asks a name server', async () => {
    await expect(lookup('charts.corp')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(fetch('http://charts.corp/')).rejects.toMatchObject({ cause: { code: 'ENOTFOUND' } });
  });

  test.each(['127.0.0.1', 'localhost'])('can connect to %s', async (host) => {
    const server = createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const socket = connect(port, host);
    const [bytes] = (await once(socket, 'data')) as [Buffer];

    expect(bytes.toString()).toBe('hello');
  });
});
