import { gzipSync } from 'node:zlib';

import { describe, expect, it } from 'vitest';

import type { Fault } from '../../src/chart/fault.ts';
import { sizeOf } from '../../src/lib/shared-table.ts';
import { faultUpstream, type FaultUpstream, type Script } from '../support/fault-upstream.ts';
import { closedPort, faultOf, never } from '../support/http.ts';
import { oneRow } from '../support/indexes.ts';
import { listed, repositoryUpstream } from '../support/repository-upstream.ts';

const packed = gzipSync(oneRow('description: some words so that there is something to cut off'));
const gzip = { 'content-encoding': 'gzip' };

async function listingOf(script: Script, maxIndexBytes?: number): Promise<{ fault: Fault; server: FaultUpstream }> {
  const server = await faultUpstream();
  server.on('/index.yaml', script);
  const options = maxIndexBytes === undefined ? {} : { maxIndexBytes };
  return { fault: await faultOf(repositoryUpstream(server.origin, options).list(undefined, never)), server };
}

describe('a listing is refused, and its fault says why:', () => {
  it.each<[string, Script, string, string]>([
    [
      'nothing at the path',
      { status: 404, body: 'no' },
      'not-a-repository',
      'there is no index.yaml at http://127.0.0.1:',
    ],
    ['nothing there any more', { status: 410 }, 'not-a-repository', '(410)'],
    ['no credentials', { status: 401 }, 'unauthorized', '(401)'],
    ['no permission', { status: 403 }, 'forbidden', '(403)'],
    ['too many requests', { status: 429 }, 'rate-limited', '429'],
    ['a server that failed', { status: 500 }, 'upstream-failed', '500 Internal Server Error'],
    ['a server that is away', { status: 502 }, 'upstream-failed', '502'],
    ['no content', { status: 204 }, 'upstream-failed', '204'],
    ['part of it', { status: 206, body: oneRow() }, 'upstream-failed', '206'],
    ['a redirect to nowhere', { status: 302 }, 'upstream-failed', '302'],
    ['an empty body', { body: '' }, 'listing-invalid', 'is empty'],
    [
      'a web page',
      { body: '<!DOCTYPE html><title>Login</title>' },
      'not-a-repository',
      'answered with a web page, not an index',
    ],
    ['text', { body: 'OK' }, 'listing-invalid', 'neither apiVersion nor entries'],
    ['a body without an end', { body: oneRow(), framing: 'close' }, 'listing-invalid', 'without a length'],
    ['a body cut before its length', { body: oneRow(), cutAt: 30 }, 'upstream-failed', 'was cut off'],
    ['chunks cut off', { body: oneRow(), framing: 'chunked', cutAt: 30 }, 'upstream-failed', 'was cut off'],
    ['compressed data cut before its length', { body: packed, headers: gzip, cutAt: 30 }, 'upstream-failed', 'cut off'],
    [
      'compressed data that end early',
      { body: packed.subarray(0, -9), headers: gzip },
      'listing-invalid',
      'damaged or cut off',
    ],
    [
      'the same, ended by the connection',
      { body: packed, headers: gzip, framing: 'close', cutAt: 40 },
      'listing-invalid',
      'cut off',
    ],
    ['data that is not compressed', { body: oneRow(), headers: gzip }, 'listing-invalid', 'damaged'],
    ['data compressed twice', { body: gzipSync(packed), headers: gzip }, 'listing-invalid', ''],
    [
      'an encoding nobody asked for',
      { body: oneRow(), headers: { 'content-encoding': 'br' } },
      'listing-invalid',
      'encoding',
    ],
    [
      'encodings on encodings',
      { body: packed, headers: { 'content-encoding': 'gzip,gzip' } },
      'listing-invalid',
      'encoding',
    ],
    ['a reset connection', { reset: true }, 'upstream-unreachable', 'no answer'],
    ['something that is not HTTP', { raw: 'SSH-2.0-OpenSSH_9.2\r\n' }, 'upstream-failed', 'not HTTP'],
  ])('%s', async (_, script, code, words) => {
    const { fault } = await listingOf(script);
    expect([fault.code, fault.message]).toEqual([code, expect.stringContaining(words)]);
    expect(fault.message).toMatch(/^fixture: .*\.$/s);
    expect(fault.advice).not.toBe('');
  });

  it('nobody at the address', async () => {
    const upstream = repositoryUpstream(`http://127.0.0.1:${await closedPort()}`);
    expect((await faultOf(upstream.list(undefined, never))).code).toBe('upstream-unreachable');
  });

  it('the time that a server asks to be left alone is in the fault', async () => {
    const { fault } = await listingOf({ status: 429, headers: { 'retry-after': '7' } });
    expect(fault.retryAfterMs).toBe(7000);
  });

  it('a redirect in a circle, or to something that is no web server', async () => {
    for (const location of ['/index.yaml', 'file:///etc/passwd', 'ftp://127.0.0.1/index.yaml']) {
      const { fault, server } = await listingOf({ status: 302, headers: { location } });
      expect([fault.code, server.requests.length]).toEqual(['upstream-failed', 1]);
    }
  });
});

describe('an index that is too large is refused', () => {
  const large = `${oneRow()}# ${'x'.repeat(50_000)}\n`;
  const words = 'fixture: index.yaml is larger than 20000 bytes.';

  it('before any of it is read, when the server says how long it is', async () => {
    const { fault } = await listingOf({ body: large }, 20_000);
    expect([fault.code, fault.message]).toEqual(['listing-invalid', words]);
    const latch = Promise.withResolvers<void>();
    const endless = await listingOf(
      { body: '', headers: { 'content-length': '99999999999' }, holdBody: latch.promise },
      20_000,
    );
    latch.resolve();
    expect(endless.fault.message).toBe(words);
  });

  it('as soon as more has come, when it does not say', async () => {
    const latch = Promise.withResolvers<void>();
    const { fault } = await listingOf({ body: large, framing: 'chunked', holdBody: latch.promise }, 20_000);
    latch.resolve();
    expect([fault.code, fault.message]).toEqual(['listing-invalid', words]);
  });

  it('when it unpacks to more', async () => {
    const body = gzipSync(large);
    expect(body.length).toBeLessThan(1000);
    const { fault } = await listingOf({ body, headers: gzip }, 20_000);
    expect([fault.code, fault.message]).toEqual(['listing-invalid', words]);
  });

  it('and one of exactly that size is not', async () => {
    const server = await faultUpstream();
    const upstream = repositoryUpstream(server.origin, { maxIndexBytes: large.length });
    for (const script of [
      { body: large },
      { body: large, framing: 'chunked' },
      { body: gzipSync(large), headers: gzip },
    ]) {
      server.on('/index.yaml', script as Script);
      expect(sizeOf((await listed(upstream)).claims)).toBeGreaterThan(0);
    }
  });
});

describe('what a fault says', () => {
  it('holds neither credentials nor the query of the url', async () => {
    const server = await faultUpstream();
    const options = { credential: { username: 'reader', password: 's3cret' } };
    const upstream = repositoryUpstream(`${server.origin}/r?token=t0ken`, options);
    const scripts: readonly Script[] = [
      { status: 404 },
      { status: 401 },
      { status: 500 },
      { body: '<html>' },
      { body: 'x' },
      { body: '' },
      { status: 302, headers: { location: '/r/index.yaml?token=t0ken' } },
      { raw: 'x' },
      { reset: true },
      { body: oneRow(), cutAt: 3 },
    ];
    for (const script of scripts) {
      server.on('/r/index.yaml', script);
      const { message, advice } = await faultOf(upstream.list(undefined, never));
      expect(`${message} ${advice}`).not.toMatch(/t0ken|s3cret|cmVhZGVyOnMzY3JldA/);
    }
  });

  it('is the same however often it happens, and a good index afterwards is read', async () => {
    const server = await faultUpstream();
    server.on('/index.yaml', { body: oneRow(), cutAt: 3 }, { status: 500 }, { body: '<html>' }, { body: oneRow() });
    const upstream = repositoryUpstream(server.origin);
    const codes = [];
    for (let at = 0; at < 3; at += 1) codes.push((await faultOf(upstream.list(undefined, never))).code);
    expect(codes).toEqual(['upstream-failed', 'upstream-failed', 'not-a-repository']);
    expect((await listed(upstream)).rejected).toEqual({});
  });
});
