import { createServer } from 'node:http';
import { get } from 'node:https';
import { inspect } from 'node:util';

import { describe, expect, it } from 'vitest';

import { Fault } from '../../../../src/chart/fault.ts';
import { Secret } from '../../../../src/lib/secret.ts';
import { calling, openWayOut } from '../../../../src/upstream/credentials/cloud-calls.ts';
import { ManualClock } from '../../../support/clock.ts';
import { reachable } from '../../../support/cloud/trust.ts';
import { listen } from '../../../support/fault-upstream.ts';
import { faultOf, never } from '../../../support/http.ts';
import { openInternet } from '../../../support/internet.ts';

const clock = new ManualClock();
const caller = { upstream: 'ecr', cloud: 'AWS', advice: 'Check the keys.', clock };
const failing = (error: Error) => faultOf(calling(caller, () => Promise.reject(error)));

describe('what an SDK fails with', () => {
  it.each([
    ['a refusal', { name: 'ExpiredToken' }, 'unauthorized', 'gave no credentials (ExpiredToken)'],
    [
      'denied access',
      { name: 'AccessDenied', $metadata: { httpStatusCode: 403 } },
      'unauthorized',
      'gave no credentials (AccessDenied)',
    ],
    [
      'an OAuth error',
      { name: 'GaxiosError', response: { status: 400, data: { error: 'invalid_grant' } } },
      'unauthorized',
      'gave no credentials (invalid_grant)',
    ],
    [
      'an API error',
      { name: 'GaxiosError', response: { status: 403, data: { error: { status: 'PERMISSION_DENIED' } } } },
      'unauthorized',
      'gave no credentials (PERMISSION_DENIED)',
    ],
    [
      'an error of Entra ID',
      { name: 'AuthenticationError', message: 'invalid: AADSTS700016: x', statusCode: 400 },
      'unauthorized',
      'gave no credentials (AADSTS700016)',
    ],
    [
      'too many questions',
      { name: 'Whatever', response: { status: 429 } },
      'rate-limited',
      'asks for fewer requests (Whatever)',
    ],
    [
      'too many questions by name',
      { name: 'ThrottlingException', $metadata: { httpStatusCode: 400 } },
      'rate-limited',
      'asks for fewer requests (ThrottlingException)',
    ],
    ['trouble over there', { name: 'Whatever', statusCode: 503 }, 'upstream-failed', 'failed (503)'],
    ['no connection', { code: 'ECONNREFUSED' }, 'upstream-unreachable', 'does not answer (ECONNREFUSED)'],
    [
      'no connection behind another error',
      { name: 'X', cause: Object.assign(new Error('x'), { code: 'ENOTFOUND' }) },
      'upstream-unreachable',
      'does not answer (ENOTFOUND)',
    ],
    [
      'a proxy that refuses',
      { code: 'ERR_PROXY_TUNNEL', statusCode: 407 },
      'upstream-unreachable',
      'does not answer (ERR_PROXY_TUNNEL)',
    ],
    [
      'a certificate',
      { code: 'SELF_SIGNED_CERT_IN_CHAIN' },
      'tls-untrusted',
      'shows a certificate that we do not trust (SELF_SIGNED_CERT_IN_CHAIN)',
    ],
  ])('is the right fault in one word: %s', async (_, error, code, what) => {
    const fault = await failing(Object.assign(new Error('canary'), error));
    expect(fault).toMatchObject({ code, message: `ecr: AWS ${what}.` });
    expect(fault.advice).not.toBe('');
    expect(inspect(fault, { depth: 9 })).not.toContain('canary');
  });

  it('is a fault already where it is one', async () => {
    const fault = new Fault('unauthorized', 'x', 'y');
    expect(await failing(fault)).toBe(fault);
  });

  it.each(['canary with spaces', 'canary\r\n', `c${'a'.repeat(100)}`])(
    'never shows a word that is none: %j',
    async (name) => {
      expect((await failing(Object.assign(new Error('m'), { name }))).message).not.toContain(name);
    },
  );

  it('is no answer within a minute, which is when the work ends', async () => {
    let ended = never;
    const work = faultOf(
      calling(caller, (signal) => {
        ended = signal;
        return new Promise<never>(() => undefined);
      }),
    );
    await clock.advance(59_999);
    expect(clock.sleeping).toBe(1);
    await clock.advance(1);
    expect(await work).toMatchObject({
      code: 'upstream-unreachable',
      message: 'ecr: AWS did not answer within 60 s.',
      timedOut: true,
    });
    expect(ended.aborted).toBe(true);
  });

  it('leaves nobody asleep once there is an answer', async () => {
    expect(await calling(caller, async () => 'here')).toBe('here');
    await clock.advance(0);
    expect(clock.sleeping).toBe(0);
  });
});

/** What a request through the agent comes to. */
async function outcome(way: Awaited<ReturnType<typeof openWayOut>>, url: string): Promise<number | string> {
  return await new Promise((resolve) => {
    const request = get(url, { agent: way }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

describe('the way out', () => {
  it('leads through the proxy, which is shown its own password and nothing else', async () => {
    const internet = await reachable({ 'sts.amazonaws.com': () => ({ status: 204 }) });
    const https = Secret.of(internet.proxy.replace('//', '//user:p%40ss@'));
    const way = await openWayOut('ecr', { https, noProxy: '' }, never);
    expect(await outcome(way, 'https://sts.amazonaws.com/')).toBe(204);
    way.destroy();
    const [{ target, headers } = { target: '', headers: {} }] = internet.proxied;
    expect(target).toBe('sts.amazonaws.com:443');
    expect(headers['proxy-authorization']).toBe(`Basic ${Buffer.from('user:p@ss').toString('base64')}`);
    expect(internet.requests[0]?.headers).not.toHaveProperty('proxy-authorization');
  });

  it.each([
    ['sts.amazonaws.com', 'https://sts.amazonaws.com/', 'ENOTFOUND'],
    ['amazonaws.com', 'https://sts.amazonaws.com/', 'ENOTFOUND'],
    ['127.0.0.0/8', 'https://127.0.0.1:1/', 'ECONNREFUSED'],
    ['::1', 'https://[::1]:1/', 'ECONNREFUSED'],
  ])('leads past the proxy to what is said to be reached without it: %s', async (noProxy, url, code) => {
    const internet = await reachable({ 'sts.amazonaws.com': () => ({}) });
    const way = await openWayOut('ecr', { ...internet.settings, noProxy }, never);
    expect(await outcome(way, url)).toBe(code);
    expect(internet.proxied).toEqual([]);
  });

  it.each([
    ['answers nothing', ''],
    ['opens a way to nowhere', 'HTTP/1.1 200 Connection established\r\n\r\n'],
  ])('ends with what it was opened for, also through a proxy that %s', async (_, answer) => {
    const asked = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    const server = createServer().on('connect', (_, socket) => {
      socket.on('error', () => undefined).on('close', () => left.resolve());
      socket.on('end', () => socket.end()).resume();
      socket.write(answer);
      asked.resolve();
    });
    const https = Secret.of(`http://127.0.0.1:${await listen(server)}`);
    const ended = new AbortController();
    const way = await openWayOut('ecr', { https, noProxy: '' }, ended.signal);
    const told = outcome(way, 'https://sts.amazonaws.com/');
    await asked.promise;
    ended.abort();
    await left.promise;
    expect(await told).toEqual(expect.any(String));
    expect(await outcome(way, 'https://sts.amazonaws.com/')).toEqual(expect.any(String));
  });

  it('never goes on without the proxy when that refuses', async () => {
    const server = createServer().on('connect', (_, socket) =>
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'),
    );
    const https = Secret.of(`http://127.0.0.1:${await listen(server)}`);
    const way = await openWayOut('ecr', { https, noProxy: '' }, never);
    expect(await outcome(way, 'https://localhost:1/')).toBe('ERR_PROXY_TUNNEL');
  });

  it('trusts no certificate that the process does not', async () => {
    const internet = await openInternet({ 'sts.amazonaws.com': () => ({}) });
    const way = await openWayOut('ecr', { https: Secret.of(internet.proxy), noProxy: '' }, never);
    expect(await outcome(way, 'https://sts.amazonaws.com/')).toMatch(/SIGNATURE|CERT/);
  });

  it('is a fault where the proxy cannot be read', async () => {
    const https = new Secret(() => Promise.reject(new Error('gone')));
    expect(await faultOf(openWayOut('ecr', { https, noProxy: '' }, never))).toMatchObject({ code: 'unauthorized' });
  });
});
