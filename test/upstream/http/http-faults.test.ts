import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import type { Fault } from '../../../src/chart/fault.ts';
import { faultOfError, faultOfStatus } from '../../../src/upstream/http/faults.ts';
import type { HttpAnswer } from '../../../src/upstream/http/http.ts';
import { parseRetryAfter } from '../../../src/upstream/http/retry-after.ts';
import { faultUpstream } from '../../support/fault-upstream.ts';
import { faultOf, httpClientOf, textOf } from '../../support/http.ts';
import { temporaryFolder } from '../../support/temp.ts';
import { needsTools, tool } from '../../support/tools.ts';

describe('trouble told in words', () => {
  it('with names and timeouts is told in words', () => {
    const request = {
      upstream: 'podinfo',
      method: 'GET',
      url: new URL('https://u:p@podinfo.corp/x?token=1'),
      expired: false,
      timeoutMs: 60_000,
      answered: false,
    };
    const told = (code: string, more = {}): Fault =>
      faultOfError({ ...request, ...more }, Object.assign(new Error(code), { code }));
    expect(told('ENOTFOUND').message).toBe('podinfo: no answer from podinfo.corp:443 (no such host).');
    expect(told('UND_ERR_CONNECT_TIMEOUT')).toMatchObject({
      code: 'upstream-unreachable',
      message: 'podinfo: no answer from podinfo.corp:443 within 5 s (connection timed out).',
      timedOut: true,
    });
    expect(told('CERT_HAS_EXPIRED')).toMatchObject({
      code: 'tls-untrusted',
      message: 'podinfo: the certificate of podinfo.corp has expired.',
    });
    expect(told('UNABLE_TO_VERIFY_LEAF_SIGNATURE')).toMatchObject({
      message: 'podinfo: the certificate of podinfo.corp is signed by an authority we do not know.',
      advice: 'Set tls.caFile.',
    });
    expect(told('ERR_SSL_WRONG_VERSION_NUMBER').message).toContain('does not speak TLS');
    expect(told('UND_ERR_BODY_TIMEOUT', { answered: true })).toMatchObject({ code: 'upstream-failed', timedOut: true });
    const happyEyeballs = new AggregateError([Object.assign(new Error('x'), { code: 'ECONNREFUSED' })]);
    expect(faultOfError(request, happyEyeballs).message).toContain('(connection refused)');
    expect(told('ECONNREFUSED', { via: 'proxy.corp:3128' }).message).toBe(
      'podinfo: no answer from the proxy proxy.corp:3128 for podinfo.corp:443 (connection refused).',
    );
    expect(told('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED')).toMatchObject({
      code: 'tls-untrusted',
      message: 'podinfo: podinfo.corp:443 asks for a certificate of ours.',
      advice: 'Set tls.certFile and tls.keyFile.',
    });
    expect(told('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA').message).toBe(
      'podinfo: podinfo.corp:443 does not accept our certificate.',
    );
    expect(faultOfError(request, new Error('s3cret')).message).not.toContain('s3cret');
  });

  it.skipIf(needsTools('openssl'))('with certificates names what is wrong with them', async () => {
    const folder = await temporaryFolder();
    const selfSigned = certificate(folder, ['-addext', 'subjectAltName=IP:127.0.0.1']);
    const unknown = await faultUpstream({ tls: selfSigned });
    const fault = await faultOf(httpClientOf(unknown.origin).get(unknown.url('/')));
    expect([fault.code, fault.message]).toEqual([
      'tls-untrusted',
      'nexus: the certificate of 127.0.0.1 is signed by itself.',
    ]);
    const elsewhere = certificate(folder, ['-addext', 'subjectAltName=DNS:elsewhere.corp']);
    const caFile = join(folder, 'ca.pem');
    writeFileSync(caFile, selfSigned.cert + elsewhere.cert);
    const known = await faultUpstream({ tls: selfSigned });
    known.on('/down', { status: 302, headers: { location: 'http://127.0.0.1/' } });
    known.on('/x', { body: 'safe' });
    const client = httpClientOf(known.origin, { tls: { caFile } });
    expect(await textOf(await client.get(known.url('/x')))).toBe('safe');
    expect((await faultOf(client.get(known.url('/down')))).message).toContain('from https to http');
    const wrong = await faultUpstream({ tls: elsewhere });
    const mismatch = await faultOf(httpClientOf(wrong.origin, { tls: { caFile } }).get(wrong.url('/')));
    expect(mismatch.message).toBe('nexus: the certificate of 127.0.0.1 is for another host.');
    const plain = await faultUpstream();
    const noTls = await faultOf(httpClientOf(plain.origin).get(plain.origin.replace('http:', 'https:')));
    expect([noTls.code, noTls.message]).toEqual([
      'upstream-unreachable',
      `nexus: ${plain.url('/').host} does not speak TLS as we understand it.`,
    ]);
  });
});

describe('the fault of a status', () => {
  const answer = (status: number, retryAfterMs?: number): Pick<HttpAnswer, 'status' | 'url' | 'retryAfterMs'> => ({
    status,
    url: new URL('https://u:p@nexus.corp/repository/helm/index.yaml?token=s3cret'),
    retryAfterMs,
  });

  it.each([
    [401, undefined, 'unauthorized'],
    [403, undefined, 'forbidden'],
    [403, 1000, 'rate-limited'],
    [429, undefined, 'rate-limited'],
    [429, 1000, 'rate-limited'],
    [503, 1000, 'rate-limited'],
    [503, undefined, 'upstream-failed'],
    [408, 1000, 'upstream-failed'],
    [500, undefined, 'upstream-failed'],
    [418, undefined, 'upstream-failed'],
  ])('%i with Retry-After %s is %s', (status, retryAfterMs, code) => {
    expect(faultOfStatus('nexus', answer(status, retryAfterMs))).toMatchObject({ code, retryAfterMs });
  });

  it('says what was asked, without query or user info', () => {
    expect(faultOfStatus('nexus', answer(500)).message).toBe(
      'nexus: answered 500 Internal Server Error to GET /repository/helm/index.yaml.',
    );
    expect(faultOfStatus('ghcr', answer(401), 'charts/podinfo').message).toBe(
      'ghcr: the server refused these credentials for charts/podinfo (401).',
    );
    expect(faultOfStatus('nexus', answer(599)).message).toContain('answered 599 to GET');
  });

  it('carries how long to wait', async () => {
    const upstream = await faultUpstream();
    upstream.on('/x', { status: 429, headers: { 'retry-after': '7' } });
    const got = await httpClientOf(upstream.origin).get(upstream.url('/x'));
    await got.dump();
    expect(faultOfStatus('nexus', got).retryAfterMs).toBe(7000);
  });
});

describe('the fault of a server that asks to be left alone', () => {
  const sixHoursMs = 6 * 60 * 60_000;
  const now = Date.now();

  it.each([
    ['31536000', sixHoursMs],
    ['9'.repeat(60), sixHoursMs],
    [new Date(now + 365 * 24 * 60 * 60_000).toUTCString(), sixHoursMs],
    ['8760h', sixHoursMs],
    ['21599', sixHoursMs - 1000],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['when it is ready', undefined],
    ['-1', undefined],
  ])('never keeps us away for longer than six hours: %s', async (value, expected) => {
    const upstream = await faultUpstream();
    for (const status of [403, 429, 503]) {
      upstream.on('/x', { status, headers: { 'retry-after': value } });
      const answer = await httpClientOf(upstream.origin).get(upstream.url('/x'));
      await answer.dump();
      expect(faultOfStatus('nexus', answer).retryAfterMs).toBe(expected);
    }
  });
});

describe('Retry-After', () => {
  const now = Date.parse('2026-11-21T10:00:00Z');
  it.each([
    ['0', 0],
    ['120', 120_000],
    [' 1.5 ', 1500],
    ['Sat, 21 Nov 2026 10:01:00 GMT', 60_000],
    ['Sat, 21 Nov 2026 09:00:00 GMT', 0],
    ['880.092µs', 1],
    ['880.092Âµs', 1],
    ['1.1ms', 2],
    ['2s', 2000],
    ['1h2m3s', 3_723_000],
    ['soon', undefined],
    ['-5', undefined],
    ['1e9', undefined],
    ['10 minutes', undefined],
    ['', undefined],
    ['9'.repeat(100), undefined],
    [undefined, undefined],
  ])('of %s means %s ms', (value, expected) => {
    expect(parseRetryAfter(value, now)).toBe(expected);
  });
});

function certificate(folder: string, more: readonly string[]): { key: string; cert: string } {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', `/CN=chartroom test ${more.join(' ').length}`, '-days', '2', '-nodes'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  execFileSync(tool('openssl'), ['req', '-x509', ...curve, ...subject, '-keyout', key, '-out', cert, ...more], {
    stdio: 'ignore',
  });
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}
