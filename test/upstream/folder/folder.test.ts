import { mkdir, readdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { digestOf } from '../../../src/chart/digest.ts';
import { deriveConfig } from '../../../src/formats/derived-image.ts';
import type { OfferedChart } from '../../contract/upstream-fixture.ts';
import { describeUpstream } from '../../contract/upstream.ts';
import { chartArchive } from '../../support/charts.ts';
import { listed, never, nginx, openFolder, redis, sourcesOf } from '../../support/folder-upstream.ts';
import { textOf } from '../../support/indexes.ts';
import { archiveOf } from '../../support/odd-charts.ts';

const laterOn = new Date('2026-02-01T00:00:00Z');

describeUpstream('a folder', async (charts) => {
  const opened = await openFolder();
  const offer = async (next: readonly OfferedChart[]) => {
    for (const name of await readdir(opened.path)) await rm(join(opened.path, name));
    for (const { name, version, archive, provenance } of next) {
      await opened.put(`${name}-${version}.tgz`, archive);
      if (provenance) await opened.put(`${name}-${version}.tgz.prov`, provenance);
    }
  };
  await offer(charts);
  return {
    upstream: opened.upstream,
    offer,
    reword: async () => {
      for (const name of await readdir(opened.path)) await utimes(join(opened.path, name), laterOn, laterOn);
    },
    fail: () => rename(opened.path, `${opened.path}-gone`).then(() => undefined),
    hang: async () => ({ arrived: Promise.resolve() }),
  };
});

describe('a folder', () => {
  it('lists what lies in it and in the folders right in it, wherever helm repo index would look', async () => {
    const { put, upstream } = await openFolder();
    await put('nginx-1.0.0.tgz', nginx);
    await put('team/redis-2.0.0.tgz', redis);
    await put('team/deeper/loki-1.0.0.tgz', await chartArchive({ name: 'loki', version: '1.0.0' }));
    await put('.hidden/loki-1.0.0.tgz', nginx);
    await put('._nginx-1.0.0.tgz', 'what macOS leaves behind');
    await put('README.md', '# charts');

    const listing = await listed(upstream);

    expect(sourcesOf(listing)).toEqual(['nginx-1.0.0.tgz', 'team/redis-2.0.0.tgz']);
    expect(listing.rejected).toEqual({});
  });

  it('measures digests, keeps metadata and says nothing of when a chart was made', async () => {
    const { put, upstream } = await openFolder();
    await put('any-name.tgz', nginx);

    const claim = await upstream.find('nginx', '1.0.0', never);

    expect(claim).toMatchObject({ source: 'any-name.tgz', digest: digestOf(nginx) });
    expect(JSON.parse(claim?.metadata ?? '')).toMatchObject({ name: 'nginx', version: '1.0.0', apiVersion: 'v2' });
    expect(claim).not.toHaveProperty('created');
  });

  it('says the same to the byte on a machine where its files have other times', async () => {
    const [one, other] = [await openFolder(), await openFolder()];
    for (const file of ['b.tgz', 'a.tgz']) await one.put(file, file === 'a.tgz' ? nginx : redis);
    for (const file of ['a.tgz', 'b.tgz']) {
      await other.put(file, file === 'a.tgz' ? nginx : redis, new Date('2026-03-01T00:00:00Z'));
    }
    const [first, second] = [await listed(one.upstream), await listed(other.upstream)];

    expect(textOf(first.claims)).toEqual(textOf(second.claims));
    expect(first.validator.rows).toBe(second.validator.rows);
    expect(first.validator.content).not.toBe(second.validator.content);
  });

  it('never lets a bad archive cost the others, and counts each', async () => {
    const { put, path, upstream } = await openFolder({ maxArchiveBytes: 5000 });
    await put('a-good.tgz', nginx);
    await put('b-same-again.tgz', nginx);
    await put('c-page.tgz', '<html>');
    await put('d-large.tgz', Buffer.alloc(5001));
    await put('e-name.tgz', await chartArchive({ name: 'two words', version: '1.0.0' }));
    await put('f-version.tgz', await chartArchive({ name: 'nginx', version: 'latest' }));
    await put('g-metadata.tgz', await chartArchive({ name: 'nginx', version: '1.1.0', type: 'other' }));
    await put('h-line\nfeed.tgz', nginx);
    await put('i-tab\t.tgz', nginx);
    await put('j-good.tgz', redis);
    await mkdir(join(path, 'team/k.tgz'), { recursive: true });

    const listing = await listed(upstream);

    expect(sourcesOf(listing)).toEqual(['a-good.tgz', 'j-good.tgz']);
    expect(listing.rejected).toEqual({
      'bad-path': 2,
      'not-a-file': 1,
      duplicate: 1,
      'archive-invalid': 1,
      'too-large': 1,
      'bad-name': 1,
      'bad-version': 1,
      'bad-metadata': 1,
    });
    expect(listing.examples).toHaveLength(5);
    expect(listing.examples.join('\n')).toContain('h-line?feed.tgz: has a name that cannot be written down');
  });

  it('calls a version what Helm reads of it, which is what its image is called', async () => {
    const { put, upstream } = await openFolder();
    const archive = archiveOf([['Chart.yaml', 'name: nginx\nversion: 1.10\nappVersion: 1.20\n']]);
    await put('nginx.tgz', archive);

    const claim = await upstream.find('nginx', '1.1', never);
    expect(JSON.parse(claim?.metadata ?? '')).toEqual(JSON.parse(deriveConfig(archive)));
    expect(await upstream.find('nginx', '1.10', never)).toBeUndefined();
  });

  it('takes the first of several archives of one version in path order, whatever else they are', async () => {
    const { put, upstream } = await openFolder();
    const other = await chartArchive({ name: 'nginx', version: '1.0.0', description: 'another' });
    await put('z.tgz', nginx);
    await put('a/z.tgz', other);

    expect(await upstream.find('nginx', '1.0.0', never)).toMatchObject({ source: 'a/z.tgz', digest: digestOf(other) });
  });

  it('follows links while they stay in it, and no further', async () => {
    const { put, path, upstream } = await openFolder();
    const outside = await openFolder();
    await outside.put('redis.tgz', redis);
    await put('..2026_06_01/nginx.tgz', nginx);
    await symlink('..2026_06_01', join(path, '..data'));
    await symlink('..data/nginx.tgz', join(path, 'nginx.tgz'));
    await symlink(join(outside.path, 'redis.tgz'), join(path, 'redis.tgz'));
    await symlink(outside.path, join(path, 'team'));
    await symlink('nowhere.tgz', join(path, 'nowhere.tgz'));
    await symlink('circle.tgz', join(path, 'circle.tgz'));

    const listing = await listed(upstream);

    expect(sourcesOf(listing)).toEqual(['nginx.tgz']);
    expect(listing.rejected).toEqual({ 'outside-folder': 2 });
    expect(await upstream.open('redis.tgz', 'archive', never)).toBeUndefined();
    expect(await upstream.open('team/redis.tgz', 'archive', never)).toBeUndefined();
  });

  it.each(['../secret.tgz', 'a/../../secret.tgz', '/etc/passwd', './nginx.tgz', 'a//nginx.tgz', '', '..', 'a\0b.tgz'])(
    'opens nothing for the source %j, which no listing of it names',
    async (source) => {
      const { put, path, upstream } = await openFolder();
      await put('nginx.tgz', nginx);
      await put('a/nginx.tgz', nginx);
      await writeFile(join(path, '../secret.tgz'), 'secret');
      try {
        expect(await upstream.open(source, 'archive', never)).toBeUndefined();
      } finally {
        await rm(join(path, '../secret.tgz'));
      }
    },
  );

  it('opens no pipe and no socket, and does not wait for one', async () => {
    const { path, upstream } = await openFolder();
    const server = createServer().listen(join(path, 'socket.tgz'));
    await new Promise((resolve) => server.once('listening', resolve));
    try {
      expect((await listed(upstream)).rejected).toEqual({ 'not-a-file': 1 });
      expect(await upstream.open('socket.tgz', 'archive', never)).toBeUndefined();
    } finally {
      server.close();
    }
  });
});
