import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { describe, expect, onTestFinished, test } from 'vitest';

import { hexDigest } from '../support/charts.ts';
import { Broken, Observer } from './observer.ts';

const path = '/charts/alpha/alpha-1.0.0.tgz';
const [first, second] = [Buffer.from('first'), Buffer.from('second')];

/** A chart repository whose files a test puts and changes. */
async function startServer() {
  const files = new Map<string, string | Buffer>();
  const server = createServer((request, response) => {
    const body = files.get(request.url ?? '/');
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  onTestFinished(stop);
  const list = (digests: Readonly<Record<string, string | undefined>>) => {
    const rows = Object.entries(digests).map(([version, digest]) => {
      return { name: 'alpha', version, digest, urls: [`charts/alpha/alpha-${version}.tgz`] };
    });
    files.set('/index.yaml', JSON.stringify({ apiVersion: 'v1', entries: { alpha: rows } }));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, files, list, stop };
}

/** One that serves a version, and an observer that has it. */
async function seen() {
  const server = await startServer();
  server.list({ '1.0.0': hexDigest(first) });
  server.files.set(path, first);
  const observer = new Observer();
  expect(await observer.look(server.url, { fresh: true })).toBe(true);
  const look = () => observer.look(server.url, { again: 10 });
  return { ...server, observer, look };
}

describe('the observer', () => {
  test('is content with a server that goes on saying the same, and more', async () => {
    const { list, look, observer } = await seen();
    list({ '1.1.0': undefined, '1.0.0': hexDigest(first) });

    expect(await look()).toBe(true);
    expect([...observer.versions]).toEqual(['alpha 1.0.0', 'alpha 1.1.0']);
    expect(observer.seen(path)).toBe(hexDigest(first));
  });

  test('misses a version that is not listed any more', async () => {
    const { list, look } = await seen();
    list({});

    await expect(look()).rejects.toThrow('does not list alpha 1.0.0 any more');
  });

  test('does not take other bytes for a file', async () => {
    const { files, look } = await seen();
    files.set(path, second);

    await expect(look()).rejects.toThrow('and was to be');
  });

  test('does not take bytes that the index does not promise, though it never saw others', async () => {
    const { url, list, files } = await startServer();
    list({ '1.0.0': hexDigest(first) });
    files.set(path, second);

    await expect(new Observer().look(url, { fresh: true })).rejects.toThrow(Broken);
  });

  test('does not take another digest for bytes that were served', async () => {
    const { list, look } = await seen();
    list({ '1.0.0': hexDigest(second) });

    await expect(look()).rejects.toThrow(`says ${hexDigest(second)} of alpha 1.0.0`);
  });

  test('does not take an absence of what was served', async () => {
    const { files, look } = await seen();
    files.delete(path);

    await expect(look()).rejects.toThrow('was served before and answers 404');
  });

  test.each(['{"apiVersion":"v1","entries":{"alpha":[', '{"apiVersion":"v1"}', '<html></html>'])(
    'does not take %s for an index',
    async (text) => {
      const { files, look } = await seen();
      files.set('/index.yaml', text);

      await expect(look()).rejects.toThrow('is not whole');
    },
  );

  test('takes other bytes that an operator accepts, and the old ones no more after that', async () => {
    const { files, list, look, observer } = await seen();
    observer.mayBecome(path, hexDigest(second));
    expect(await look()).toBe(true);
    files.set(path, second);
    list({ '1.0.0': hexDigest(second) });
    expect(await look()).toBe(true);
    files.set(path, first);

    await expect(look()).rejects.toThrow('and was to be');
  });

  test('forgives a replica that is behind, and not for longer than it may be', async () => {
    const { observer } = await seen();
    const replica = await startServer();
    replica.list({});

    expect(await observer.look(replica.url, { lagMs: 60_000 })).toBe(true);
    await expect(observer.look(replica.url)).rejects.toThrow('does not list alpha 1.0.0 any more');
  });

  test('lets only a dying server leave', async () => {
    const { url, stop, observer } = await seen();
    stop();

    expect(await observer.look(url, { dying: true })).toBe(false);
    await expect(observer.look(url)).rejects.toThrow('did not answer to the end');
  });
});
