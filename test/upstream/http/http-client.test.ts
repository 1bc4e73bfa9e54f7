import { describe, expect, it, onTestFinished } from 'vitest';

import { Fault } from '../../../src/chart/fault.ts';
import { readAll } from '../../../src/lib/bytes.ts';
import { openLog } from '../../../src/lib/log.ts';
import { anonymous } from '../../../src/upstream/credentials/preemptive.ts';
import { ManualClock } from '../../support/clock.ts';
import { faultUpstream } from '../../support/fault-upstream.ts';
import { closedPort, faultOf, httpClientOf, textOf } from '../../support/http.ts';

describe('an answer', () => {
  it('comes with its bytes untouched, its length and its framing', async () => {
    const upstream = await faultUpstream();
    upstream.on('/gz', { body: Buffer.from([0x1f, 0x8b, 0]), headers: { 'content-encoding': 'gzip' } });
    upstream.on('/chunked', { body: 'abc', framing: 'chunked' });
    upstream.on('/close', { body: 'abc', framing: 'close' });
    const client = httpClientOf(upstream.origin);
    const gz = await client.get(upstream.url('/gz'));
    expect([gz.status, gz.framed, gz.contentLength]).toEqual([200, true, 3]);
    expect(await readAll(gz.body, 10)).toEqual(Buffer.from([0x1f, 0x8b, 0]));
    const chunked = await client.get(upstream.url('/chunked'));
    expect([chunked.framed, chunked.contentLength, await textOf(chunked)]).toEqual([true, undefined, 'abc']);
    const close = await client.get(upstream.url('/close'));
    expect([close.framed, close.contentLength, await textOf(close)]).toEqual([false, undefined, 'abc']);
  });

  it('is asked for by name, without compression unless the caller wants it, and any status is an answer', async () => {
    const upstream = await faultUpstream();
    const client = httpClientOf(upstream.origin);
    const answer = await client.get(upstream.url('/gone'));
    await answer.dump();
    expect(answer.status).toBe(404);
    expect(upstream.requests[0]?.headers['user-agent']).toBe('chartroom/0.1.0');
    expect(upstream.requests[0]?.headers['accept-encoding']).toBeUndefined();
    await (await client.get(upstream.url('/gone'), { headers: { 'accept-encoding': 'gzip' } })).dump();
    expect(upstream.requests[1]?.headers['accept-encoding']).toBe('gzip');
  });

  it('to HEAD or 304 has no body and counts as framed', async () => {
    const upstream = await faultUpstream();
    upstream.on('/x', { body: 'abc' });
    upstream.on('/same', { status: 304 });
    const client = httpClientOf(upstream.origin);
    const head = await client.get(upstream.url('/x'), { method: 'HEAD' });
    expect([head.framed, head.contentLength, await textOf(head)]).toEqual([true, 3, '']);
    const same = await client.get(upstream.url('/same'));
    expect([same.status, same.framed, await textOf(same)]).toEqual([304, true, '']);
  });

  it('that nobody reads to its end can be dumped, and the next request is answered', async () => {
    const upstream = await faultUpstream();
    upstream.on('/big', { body: Buffer.alloc(4_000_000) });
    upstream.on('/small', { body: 'abc' });
    const client = httpClientOf(upstream.origin);
    for (let round = 0; round < 12; round += 1) await (await client.get(upstream.url('/big'))).dump();
    for await (const _ of (await client.get(upstream.url('/big'))).body) break;
    for (let round = 0; round < 12; round += 1) {
      await (await client.get(upstream.url('/big'))).body[Symbol.asyncIterator]().return?.();
    }
    expect(await textOf(await client.get(upstream.url('/small')))).toBe('abc');
  });

  it('of 401 that nothing can be said to, however large, gives its connection back', async () => {
    const upstream = await faultUpstream();
    upstream.on('/big', { status: 401, body: Buffer.alloc(4_000_000) });
    upstream.on('/small', { body: 'abc' });
    const refused = new Fault('unauthorized', 'no token', 'none');
    const authorization = { ...anonymous, answer: () => Promise.reject(refused) };
    const client = httpClientOf(upstream.origin, { authorization });
    for (let round = 0; round < 12; round += 1) {
      expect(await faultOf(client.get(upstream.url('/big')))).toBe(refused);
    }
    expect(await textOf(await client.get(upstream.url('/small')))).toBe('abc');
  });
});

describe('the log', () => {
  it('has a line for each answer when it is asked for everything, without query', async () => {
    const upstream = await faultUpstream();
    const lines: string[] = [];
    const log = openLog({ level: 'debug', format: 'json' }, { write: (line) => void lines.push(line) });
    const client = httpClientOf(upstream.origin, { log });
    await (await client.get(upstream.url('/x?token=s3cret'))).dump();
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      upstream: 'nexus',
      method: 'GET',
      path: '/x',
      status: 404,
      msg: 'upstream answered',
    });
    expect(lines.join('')).not.toContain('s3cret');
  });
});

describe('trouble', () => {
  it('on the way is told apart from an answer: refused, reset, not HTTP', async () => {
    const upstream = await faultUpstream();
    upstream.on('/reset', { reset: true });
    upstream.on('/odd', { raw: 'SSH-2.0-OpenSSH_9.2\r\n' });
    const client = httpClientOf(upstream.origin);
    const { host } = upstream.url('/');
    expect(await faultOf(client.get(upstream.url('/reset')))).toMatchObject({
      code: 'upstream-unreachable',
      message: expect.stringMatching(`^nexus: no answer from ${host} \\(connection (closed|reset)\\)\\.$`) as string,
      timedOut: false,
    });
    expect(await faultOf(client.get(upstream.url('/odd')))).toMatchObject({
      code: 'upstream-failed',
      message: `nexus: ${host} answered with something that is not HTTP.`,
    });
    const port = await closedPort();
    const nobody = httpClientOf(`http://127.0.0.1:${port}`);
    expect(await faultOf(nobody.get(`http://127.0.0.1:${port}/index.yaml`))).toMatchObject({
      code: 'upstream-unreachable',
      message: `nexus: no answer from 127.0.0.1:${port} (connection refused).`,
      advice: 'Check the address, the firewall and the proxy setting.',
    });
  });

  it('in the middle of a body is a fault for whoever reads it, with and without Content-Length', async () => {
    const upstream = await faultUpstream();
    const { host } = upstream.url('/');
    upstream.on('/length', { body: 'x'.repeat(5000), cutAt: 1000 });
    upstream.on('/chunked', { body: 'x'.repeat(5000), cutAt: 1000, framing: 'chunked' });
    for (const path of ['/length', '/chunked']) {
      const answer = await httpClientOf(upstream.origin).get(`${upstream.origin}${path}?token=1`);
      const fault = await faultOf(textOf(answer));
      expect([fault.code, fault.message]).toEqual([
        'upstream-failed',
        `nexus: the answer of ${host} to GET ${path} was cut off before its end.`,
      ]);
    }
  });

  it('of a server that hangs ends when the time for the whole request is up', async () => {
    const upstream = await faultUpstream();
    const clock = new ManualClock();
    const latch = Promise.withResolvers<void>();
    onTestFinished(() => latch.resolve());
    const arrived = Promise.withResolvers<void>();
    upstream.on('/head', () => {
      arrived.resolve();
      return { hold: latch.promise };
    });
    upstream.on('/body', { body: 'x'.repeat(1000), holdBody: latch.promise });
    const client = httpClientOf(upstream.origin, { clock, timeoutMs: 60_000 });
    const head = faultOf(client.get(upstream.url('/head')));
    await arrived.promise;
    await clock.advance(60_000);
    expect(await head).toMatchObject({
      code: 'upstream-unreachable',
      message: `nexus: no answer from ${upstream.url('/').host} within 60 s.`,
      timedOut: true,
    });
    const answer = await client.get(upstream.url('/body'));
    const body = faultOf(textOf(answer));
    await clock.advance(60_000);
    expect(await body).toMatchObject({ code: 'upstream-failed', timedOut: true });
    expect((await body).message).toContain('did not arrive within 60 s');
  });

  it('leaves no timer behind, whether the body was read, dumped or left early', async () => {
    const upstream = await faultUpstream();
    const clock = new ManualClock();
    upstream.on('/x', { body: 'x'.repeat(1000) });
    const client = httpClientOf(upstream.origin, { clock });
    await textOf(await client.get(upstream.url('/x')));
    await (await client.get(upstream.url('/x'))).dump();
    for await (const _ of (await client.get(upstream.url('/x'))).body) break;
    await (await client.get(upstream.url('/x'))).body[Symbol.asyncIterator]().return?.();
    await faultOf(client.get(`http://127.0.0.1:${await closedPort()}/`));
    const nobody = `http://127.0.0.1:${await closedPort()}`;
    await faultOf(httpClientOf(nobody, { clock }).get(nobody));
    expect(clock.sleeping).toBe(0);
  });

  it("of the caller's own making ends with the caller's reason", async () => {
    const upstream = await faultUpstream();
    const latch = Promise.withResolvers<void>();
    onTestFinished(() => latch.resolve());
    const arrived = Promise.withResolvers<void>();
    upstream.on('/x', () => {
      arrived.resolve();
      return { hold: latch.promise };
    });
    upstream.on('/body', { body: 'x'.repeat(1000), holdBody: latch.promise });
    const client = httpClientOf(upstream.origin);
    const reason = new Error('the client left');
    const leaving = new AbortController();
    const waiting = client.get(upstream.url('/x'), { signal: leaving.signal });
    await arrived.promise;
    leaving.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(client.get(upstream.url('/x'), { signal: leaving.signal })).rejects.toBe(reason);
    const later = new AbortController();
    const body = textOf(await client.get(upstream.url('/body'), { signal: later.signal }));
    later.abort(reason);
    await expect(body).rejects.toBe(reason);
  });

  it('of our own shutdown is told as such', async () => {
    const upstream = await faultUpstream();
    const latch = Promise.withResolvers<void>();
    onTestFinished(() => latch.resolve());
    const arrived = Promise.withResolvers<void>();
    upstream.on('/x', () => {
      arrived.resolve();
      return { hold: latch.promise };
    });
    const client = httpClientOf(upstream.origin);
    const waiting = faultOf(client.get(upstream.url('/x')));
    await arrived.promise;
    await client.close();
    expect((await waiting).code).toBe('unavailable');
  });
});
