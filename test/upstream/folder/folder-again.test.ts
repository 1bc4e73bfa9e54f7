import { chmod, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { describeArchive } from '../../../src/formats/chart-archive.ts';
import { readAll } from '../../../src/lib/bytes.ts';
import { folder } from '../../../src/upstream/folder/folder.ts';
import { chartArchive } from '../../support/charts.ts';
import { faultOf, listed, never, nginx, openFolder, redis, sourcesOf } from '../../support/folder-upstream.ts';

describe('listing a folder again', () => {
  it('reads nothing while nothing changed, also after a restart', async () => {
    const { put, inspected, upstream, options } = await openFolder();
    await put('nginx.tgz', nginx);
    const { validator } = await listed(upstream);

    expect(await upstream.list(validator, never)).toHaveProperty('unchanged');
    expect(await folder(options).list(validator, never)).toEqual({ unchanged: true, validator });
    expect(inspected).toHaveLength(1);
  });

  it('reads only the files that changed', async () => {
    const { put, inspected, upstream } = await openFolder();
    await put('nginx.tgz', nginx);
    const { validator } = await listed(upstream);
    await put('redis.tgz', redis);

    const listing = await upstream.list(validator, never);

    expect('unchanged' in listing ? [] : sourcesOf(listing)).toEqual(['nginx.tgz', 'redis.tgz']);
    expect(inspected).toEqual([nginx.length, redis.length]);
  });

  it('says unchanged when files were written again with the same bytes', async () => {
    const { put, inspected, upstream } = await openFolder();
    await put('nginx.tgz', nginx);
    const { validator } = await listed(upstream);
    await put('nginx.tgz', nginx, new Date('2026-02-01T00:00:00Z'));

    const again = await upstream.list(validator, never);
    expect(again).toEqual({ unchanged: true, validator: again.validator });
    expect(await upstream.list(again.validator, never)).toEqual(again);
    expect(inspected).toHaveLength(2);
  });

  it('looks again at a file so young that it may have changed within the same instant', async () => {
    const { put, clock, inspected, upstream } = await openFolder();
    const now = new Date(clock.now());
    const other = await chartArchive({ name: 'nginx', version: '1.0.1' });
    await put('nginx.tgz', Buffer.concat([nginx], 1000), now);
    const { validator } = await listed(upstream);
    await put('nginx.tgz', Buffer.concat([other], 1000), now);

    expect(await upstream.list(validator, never)).not.toHaveProperty('unchanged');
    expect(validator.content).toBeUndefined();

    await clock.advance(60_000);
    await listed(upstream);
    await listed(upstream);
    expect(inspected).toHaveLength(3);
  });

  it('looks again at everything when the limit for archives changed', async () => {
    const { put, upstream, options } = await openFolder({ maxArchiveBytes: 10 });
    await put('nginx.tgz', nginx);
    const { validator, rejected } = await listed(upstream);
    const listing = await folder({ ...options, maxArchiveBytes: 1e6 }).list(validator, never);

    expect(rejected).toEqual({ 'too-large': 1 });
    expect('unchanged' in listing ? [] : sourcesOf(listing)).toEqual(['nginx.tgz']);
  });

  it('looks again at an archive whose inspection broke, instead of remembering that', async () => {
    let broken = true;
    const { put, upstream } = await openFolder({
      inspect: async (bytes) => {
        if (broken) throw new Error('the worker thread ended');
        return describeArchive(bytes);
      },
    });
    await put('nginx.tgz', nginx);
    const { validator, rejected } = await listed(upstream);
    broken = false;
    const listing = await upstream.list(validator, never);

    expect(rejected).toEqual({ 'not-inspected': 1 });
    expect('unchanged' in listing ? [] : sourcesOf(listing)).toEqual(['nginx.tgz']);
  });

  it('notices that an archive is gone and that a link leads elsewhere', async () => {
    const { put, path, upstream } = await openFolder();
    await put('nginx.tgz', nginx);
    await put('redis.tgz', redis);
    const { validator } = await listed(upstream);
    await rm(join(path, 'redis.tgz'));
    const listing = await upstream.list(validator, never);

    expect('unchanged' in listing ? [] : sourcesOf(listing)).toEqual(['nginx.tgz']);
  });
});

describe('trouble with a folder', () => {
  it.each([
    ['it does not exist', 'upstream-unreachable', async (path: string) => rm(path, { recursive: true })],
    [
      'is a file, not a folder',
      'not-a-repository',
      async (path: string) => {
        await rm(path, { recursive: true });
        await writeFile(path, 'charts');
      },
    ],
  ])('is a fault that says that %s', async (words, code, spoil) => {
    const { path, upstream } = await openFolder();
    await spoil(path);

    for (const ask of [() => upstream.list(undefined, never), () => upstream.find('nginx', '1.0.0', never)]) {
      const fault = await faultOf(ask());
      expect(fault.code).toBe(code);
      expect(fault.message).toMatch(new RegExp(`^fixture: .*${words}`));
      expect(fault.advice).not.toBe('');
    }
  });

  it.skipIf(process.getuid?.() === 0)(
    'is a fault when a folder in it may not be read, not a shorter listing',
    async () => {
      const { put, path, upstream } = await openFolder();
      await put('team/nginx.tgz', nginx);
      await chmod(join(path, 'team'), 0);

      expect((await faultOf(upstream.list(undefined, never))).message).toContain('permission denied');
      await chmod(join(path, 'team'), 0o755);
    },
  );

  it('is a fault in the middle of an archive that vanished after it was opened', async () => {
    const { put, path, upstream } = await openFolder();
    await put('nginx.tgz', nginx);
    const incoming = await upstream.open('nginx.tgz', 'archive', never);
    await rm(join(path, 'nginx.tgz'));

    expect(incoming?.size).toBe(nginx.length);
    expect((await faultOf(Promise.resolve(incoming && readAll(incoming.body, 1e6)))).code).toBe('upstream-unreachable');
  });

  it('leaves no file open behind a reader that leaves early', async () => {
    const { put, upstream } = await openFolder();
    await put('nginx.tgz', Buffer.alloc(3e6));
    const before = (await readdir('/proc/self/fd')).length;
    for (let round = 0; round < 20; round += 1) {
      const incoming = await upstream.open('nginx.tgz', 'archive', never);
      for await (const chunk of incoming?.body ?? []) if (chunk.length > 0) break;
      await upstream.open('nginx.tgz', 'archive', never);
    }

    expect((await readdir('/proc/self/fd')).length).toBeLessThan(before + 10);
  });

  it('has nothing to describe, since its listing says everything', async () => {
    const { upstream } = await openFolder();

    expect((await faultOf(upstream.describe('nginx.tgz', never))).code).toBe('not-a-chart');
  });
});
