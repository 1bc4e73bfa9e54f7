import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

import { describe, expect, it, onTestFinished } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { rationHeaders, type OfferedChart } from '../contract/upstream-fixture.ts';
import { describeUpstream } from '../contract/upstream.ts';
import { hexDigest } from '../support/charts.ts';
import { faultUpstream, type FaultUpstream, type Script } from '../support/fault-upstream.ts';
import { faultOf, never } from '../support/http.ts';
import { claimsOf, oneRow, rowYaml, wordsOf } from '../support/indexes.ts';
import { listed, repositoryUpstream } from '../support/repository-upstream.ts';

/** Answers conditional requests as static file servers do. */
const file = (body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}) => {
  const etag = `"${createHash('sha256').update(body).digest('hex')}"`;
  return (request: { readonly headers: Readonly<Record<string, unknown>> }): Script =>
    request.headers['if-none-match'] === etag ? { status: 304 } : { body, headers: { etag, ...headers } };
};

function offer(server: FaultUpstream, before: readonly OfferedChart[], charts: readonly OfferedChart[]): string {
  for (const { name, version } of before) {
    server.off(`/charts/${name}-${version}.tgz`);
    server.off(`/charts/${name}-${version}.tgz.prov`);
  }
  const entries: Record<string, object[]> = {};
  for (const { name, version, archive, provenance } of charts) {
    const url = `${name}-${version}.tgz`;
    (entries[name] ??= []).push({ name, version, urls: [url], digest: hexDigest(archive) });
    server.on(`/charts/${url}`, { body: archive });
    if (provenance) server.on(`/charts/${url}.prov`, { body: provenance });
  }
  server.on('/charts/index.yaml', file(JSON.stringify({ apiVersion: 'v1', entries })));
  return JSON.stringify({ apiVersion: 'v1', entries, generated: '2026-01-01T00:00:00Z' });
}

describeUpstream('a chart repository', async (first) => {
  const server = await faultUpstream();
  let inOtherWords = offer(server, [], first);
  let present = first;
  return {
    upstream: repositoryUpstream(`${server.origin}/charts`),
    offer: async (next) => {
      inOtherWords = offer(server, present, next);
      present = next;
    },
    reword: async () => server.on('/charts/index.yaml', file(inOtherWords)),
    ration: async (allowance) => server.alwaysSay(rationHeaders(allowance)),
    fail: async () => server.all({ status: 500, body: 'oops' }),
    failPartly: async () => server.on('/charts/index.yaml', { body: oneRow(), cutAt: 40 }),
    hang: async () => {
      const [arrived, latch] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      onTestFinished(() => latch.resolve());
      server.all(() => {
        arrived.resolve();
        return { hold: latch.promise };
      });
      return { arrived: arrived.promise };
    },
  };
});

describe('asking for an index that did not change', () => {
  const headers = { etag: '"one"', 'last-modified': 'Wed, 01 May 2024 10:00:00 GMT' };

  it('is conditional, by everything the server said about it, and a 304 is enough', async () => {
    const server = await faultUpstream();
    server.on('/index.yaml', { body: oneRow(), headers }, { status: 304 });
    const upstream = repositoryUpstream(server.origin);
    const { validator } = await listed(upstream);
    expect(await upstream.list(validator, never)).toEqual({ unchanged: true, validator });
    expect(server.requests.map((request) => request.headers)).toMatchObject([
      { 'accept-encoding': 'gzip' },
      { 'if-none-match': '"one"', 'if-modified-since': headers['last-modified'] },
    ]);
    expect(server.requests[0]?.headers).not.toHaveProperty('if-none-match');
    expect(server.requests[0]?.headers).not.toHaveProperty('if-modified-since');
  });

  it.each([
    ['only a date', { 'last-modified': headers['last-modified'] }, 'if-modified-since'],
    ['only an etag', { etag: 'W/"weak"' }, 'if-none-match'],
  ])('is conditional where the server says %s', async (_, said, header) => {
    const server = await faultUpstream();
    server.on('/index.yaml', { body: oneRow(), headers: said });
    const upstream = repositoryUpstream(server.origin);
    await upstream.list((await listed(upstream)).validator, never);
    const sent = Object.keys(server.requests[1]?.headers ?? {}).filter((name) => name.startsWith('if-'));
    expect(sent).toEqual([header]);
  });

  it('is unchanged also where the server says nothing, when bytes or rows are the same', async () => {
    const server = await faultUpstream();
    const upstream = repositoryUpstream(server.origin);
    server.on('/index.yaml', { body: `${oneRow()}generated: "2024-01-01T00:00:00Z"\n` });
    const { validator } = await listed(upstream);
    expect(await upstream.list(validator, never)).toEqual({ unchanged: true, validator });
    server.on('/index.yaml', { body: gzipSync(oneRow()), headers: { 'content-encoding': 'gzip' } });
    const { rows } = validator;
    expect(await upstream.list(validator, never)).toEqual({
      unchanged: true,
      validator: { content: digestOf(Buffer.from(oneRow())), rows },
    });
    server.on('/index.yaml', { body: oneRow('description: x') });
    expect(wordsOf(claimsOf((await listed(upstream, validator)).claims))).toEqual(['nginx 1.0.0']);
  });

  it('is a 304 the next time when only the time it was made had changed', async () => {
    const server = await faultUpstream();
    const upstream = repositoryUpstream(server.origin);
    server.on('/index.yaml', file(`${oneRow()}generated: "2024-01-01T00:00:00Z"\n`));
    const { validator } = await listed(upstream);
    const again = `${oneRow()}generated: "2025-01-01T00:00:00Z"\n`;
    const statuses: (number | undefined)[] = [];
    server.on('/index.yaml', (request) => {
      const script = file(again, { 'last-modified': headers['last-modified'] })(request);
      statuses.push(script.status);
      return script;
    });
    const newer = (await upstream.list(validator, never)).validator;
    expect(newer).toMatchObject({ lastModified: headers['last-modified'], content: digestOf(Buffer.from(again)) });
    expect(newer.rows).toBe(validator.rows);
    expect(await upstream.list(newer, never)).toEqual({ unchanged: true, validator: newer });
    expect(statuses).toEqual([undefined, 304]);
  });

  it('keeps what it knew beside what a 304 says anew', async () => {
    const server = await faultUpstream();
    server.on('/index.yaml', { body: oneRow(), headers }, { status: 304, headers: { etag: 'W/"one"' } });
    const upstream = repositoryUpstream(server.origin);
    const { validator } = await listed(upstream);
    expect(await upstream.list(validator, never)).toEqual({
      unchanged: true,
      validator: { ...validator, etag: 'W/"one"' },
    });
  });

  it('never is a listing when nobody asked whether it changed', async () => {
    const server = await faultUpstream();
    server.on('/index.yaml', { status: 304 });
    expect((await faultOf(repositoryUpstream(server.origin).list(undefined, never))).code).toBe('upstream-failed');
  });
});

describe('an index', () => {
  it.each<[string, Script]>([
    ['with a length', {}],
    ['in chunks', { framing: 'chunked' }],
    ['compressed', { body: gzipSync(oneRow()), headers: { 'content-encoding': 'gzip' } }],
    ['compressed, as old servers call it', { body: gzipSync(oneRow()), headers: { 'content-encoding': 'X-GZIP' } }],
    [
      'compressed and in chunks',
      { body: gzipSync(oneRow()), headers: { 'content-encoding': 'gzip' }, framing: 'chunked' },
    ],
    [
      'compressed, ended by the connection',
      { body: gzipSync(oneRow()), headers: { 'content-encoding': 'gzip' }, framing: 'close' },
    ],
    ['marked as not compressed', { headers: { 'content-encoding': 'identity' } }],
    ['with an empty mark', { headers: { 'content-encoding': '' } }],
    ['as a type that it is not', { headers: { 'content-type': 'text/html' } }],
  ])('may come %s', async (_, script) => {
    const server = await faultUpstream();
    server.on('/index.yaml', { body: oneRow(), ...script });
    expect(wordsOf(claimsOf((await listed(repositoryUpstream(server.origin))).claims))).toEqual(['nginx 1.0.0']);
  });

  it('is where the url says, with its query, whether or not it ends in a slash', async () => {
    const server = await faultUpstream();
    server.on('/a/b/index.yaml', { body: oneRow() });
    for (const url of ['/a/b', '/a/b/', '/a/b?token=x%2Fy', '/a/b/?token=x%2Fy']) {
      await listed(repositoryUpstream(`${server.origin}${url}`));
    }
    expect(server.requests.map(({ target }) => target)).toEqual([
      '/a/b/index.yaml',
      '/a/b/index.yaml',
      '/a/b/index.yaml?token=x%2Fy',
      '/a/b/index.yaml?token=x%2Fy',
    ]);
  });

  it('tells which of its rows were dropped, and why', async () => {
    const server = await faultUpstream();
    server.on('/index.yaml', { body: `${oneRow()}${rowYaml('nginx', 'latest')}` });
    const { rejected, examples } = await listed(repositoryUpstream(server.origin));
    expect([rejected, examples]).toEqual([{ 'bad-version': 1 }, ['nginx[1]: bad-version']]);
  });

  it('is asked for anew when a version is looked for by name', async () => {
    const server = await faultUpstream();
    server.on('/index.yaml', file(oneRow()), file(`${oneRow()}${rowYaml('nginx', '2.0.0')}`));
    const upstream = repositoryUpstream(server.origin);
    expect(await upstream.find('nginx', '2.0.0', never)).toBeUndefined();
    expect(await upstream.find('nginx', '2.0.0', never)).toMatchObject({ version: '2.0.0', source: 'nginx.tgz' });
    expect(await upstream.find('nginx', '2.0', never)).toBeUndefined();
  });
});

describe('credentials', () => {
  const credential = { username: 'reader', password: 's3cret' };
  const basic = `Basic ${Buffer.from('reader:s3cret').toString('base64')}`;

  it('go to the own origin without being asked for, for index, archive and provenance, and to no other', async () => {
    const [server, elsewhere] = [await faultUpstream(), await faultUpstream()];
    for (const one of [server, elsewhere]) one.on('/x.tgz', { body: 'x' });
    server.on('/r/index.yaml', { body: oneRow() });
    const upstream = repositoryUpstream(`${server.origin}/r`, { credential });
    await listed(upstream);
    for (const source of ['/x.tgz', `${server.origin}/x.tgz`, `${elsewhere.origin}/x.tgz`]) {
      await upstream.open(source, 'archive', never);
      await upstream.open(source, 'provenance', never);
    }
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(Array(5).fill(basic));
    expect(elsewhere.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
  });

  it('stay at home when an index or an archive is redirected to another origin', async () => {
    const [server, elsewhere] = [await faultUpstream(), await faultUpstream()];
    elsewhere.on('/index.yaml', { body: oneRow() });
    elsewhere.on('/x.tgz', { body: 'x' });
    for (const path of ['/index.yaml', '/x.tgz']) {
      server.on(path, { status: 302, headers: { location: `${elsewhere.origin}${path}` } });
    }
    const upstream = repositoryUpstream(server.origin, { credential });
    expect(wordsOf(claimsOf((await listed(upstream)).claims))).toEqual(['nginx 1.0.0']);
    await upstream.open('x.tgz', 'archive', never);
    expect(elsewhere.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
  });
});
