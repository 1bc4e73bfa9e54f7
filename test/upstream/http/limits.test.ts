import { describe, expect, it, onTestFinished } from 'vitest';

import { Secret } from '../../../src/lib/secret.ts';
import { passwordLogin } from '../../../src/upstream/credentials/login.ts';
import { registryAuthorization } from '../../../src/upstream/credentials/registry.ts';
import { readAllowance, UpstreamLimits } from '../../../src/upstream/http/limits.ts';
import { ociOpener } from '../../../src/upstream/registry/oci-opener.ts';
import { chartArchive } from '../../support/charts.ts';
import { ManualClock } from '../../support/clock.ts';
import { reachOf } from '../../support/credentials.ts';
import { fakeRegistry } from '../../support/fake-registry.ts';
import { faultUpstream, type FaultUpstream } from '../../support/fault-upstream.ts';
import { closedPort, faultOf, httpClientOf, never, textOf } from '../../support/http.ts';

const sixHoursMs = 21_600_000;
const now = Date.parse('2026-11-21T10:00:00Z');
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function limitsOf(concurrency: number, requestsPerSecond = 1e6, clock = new ManualClock()): UpstreamLimits {
  return new UpstreamLimits({ concurrency, requestsPerSecond, clock });
}

/** A path whose answers wait, and whom to tell when one is asked for. */
function held(upstream: FaultUpstream, path: string, part: 'hold' | 'holdBody' = 'hold') {
  const [arrived, latch] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  onTestFinished(() => latch.resolve());
  upstream.on(path, () => {
    arrived.resolve();
    return { body: 'x'.repeat(1000), [part]: latch.promise };
  });
  return { arrived: arrived.promise, go: latch.resolve };
}

describe('the requests to one upstream', () => {
  it('are no more at once than it allows, whichever of its clients asks, until their bodies ended', async () => {
    const [upstream, elsewhere] = [await faultUpstream(), await faultUpstream()];
    const slow = held(upstream, '/slow', 'holdBody');
    const limits = limitsOf(1);
    const [one, other] = [upstream, elsewhere].map(({ origin }) => httpClientOf(origin, { limits }));
    const answer = await one?.get(upstream.url('/slow'));
    const next = other?.get(elsewhere.url('/x'));
    await slow.arrived;
    await settle();
    expect(elsewhere.requests).toHaveLength(0);
    slow.go();
    expect(answer && (await textOf(answer))).toHaveLength(1000);
    await (await next)?.dump();
    expect(elsewhere.requests).toHaveLength(1);
  });

  it('make room however they end: read, dumped, left early, failed, given up, out of time', async () => {
    const upstream = await faultUpstream();
    const clock = new ManualClock();
    const client = httpClientOf(upstream.origin, { limits: limitsOf(1), clock });
    upstream.on('/x', { body: 'x'.repeat(1000) });
    upstream.on('/cut', { body: 'x'.repeat(1000), cutAt: 10 });
    await textOf(await client.get(upstream.url('/x')));
    await (await client.get(upstream.url('/x'))).dump();
    for await (const _ of (await client.get(upstream.url('/x'))).body) break;
    await (await client.get(upstream.url('/x'))).body[Symbol.asyncIterator]().return?.();
    await (await client.get(upstream.url('/x'), { method: 'HEAD' })).dump();
    await faultOf(textOf(await client.get(upstream.url('/cut'))));
    await faultOf(client.get(`http://127.0.0.1:${await closedPort()}/`));
    held(upstream, '/body', 'holdBody');
    const leaving = new AbortController();
    await client.get(upstream.url('/body'), { signal: leaving.signal });
    leaving.abort();
    await client.get(upstream.url('/body'));
    await clock.advance(60_000);
    expect(await textOf(await client.get(upstream.url('/x')))).toHaveLength(1000);
  });

  it('begin no faster than it allows, and waiting for that is not part of their time', async () => {
    const upstream = await faultUpstream();
    const clock = new ManualClock();
    const client = httpClientOf(upstream.origin, { limits: limitsOf(10, 1, clock), clock, timeoutMs: 1500 });
    const ask = async (): Promise<number> => {
      await (await client.get(upstream.url('/x'))).dump();
      return clock.elapsed();
    };
    const asked = [ask(), ask(), ask(), ask()];
    const first = (await asked[0]) ?? 0;
    for (const [at, one] of asked.entries()) {
      if (at > 0) await clock.advance(1000);
      expect((await one) - first).toBe(at * 1000);
    }
  });

  it('that wait for their turn end at once when they are told to', async () => {
    const upstream = await faultUpstream();
    const slow = held(upstream, '/slow');
    const client = httpClientOf(upstream.origin, { limits: limitsOf(1) });
    const first = client.get(upstream.url('/slow'));
    await slow.arrived;
    const leaving = new AbortController();
    const waiting = client.get(upstream.url('/x'), { signal: leaving.signal });
    const reason = new Error('enough');
    leaving.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    slow.go();
    await (await first).dump();
    expect(upstream.count('/x')).toBe(0);
  });

  it('have one turn with their redirects and their token', async () => {
    const storage = await faultUpstream();
    const user = { username: 'reader', password: 's3cret' };
    const registry = await fakeRegistry({ auth: 'bearer', ...user, anonymousTokens: false, storage });
    const chart = {
      name: 'podinfo',
      version: '1.0.0',
      archive: await chartArchive({ name: 'podinfo', version: '1.0.0' }),
    };
    const { archive } = registry.push('charts/podinfo', chart);
    const clock = new ManualClock();
    const login = passwordLogin('nexus', Secret.of(user.username), Secret.of(user.password));
    const reach = { ...reachOf(registry), allowPrivateNetwork: true };
    const authorization = registryAuthorization({ upstream: 'nexus', reach, login, clock });
    const limits = limitsOf(1, 1, clock);
    const client = httpClientOf(registry.origin, { limits, clock, authorization, reach });
    const answer = await client.get(registry.url(`/v2/charts/podinfo/blobs/${archive}`));
    await answer.dump();
    expect([answer.status, registry.tokens.given, storage.requests.length]).toEqual([200, 1, 1]);
  });

  it('share their turns with the registries that its index leads to', async () => {
    const registry = await fakeRegistry();
    const archive = await chartArchive({ name: 'podinfo', version: '1.0.0' });
    registry.push('charts/podinfo', { name: 'podinfo', version: '1.0.0', archive });
    registry.alwaysSay({ 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '7;w=21600' });
    const upstream = await faultUpstream();
    const slow = held(upstream, '/index.yaml', 'holdBody');
    const limits = limitsOf(1);
    const client = httpClientOf(upstream.origin, { limits });
    const opener = ociOpener({
      upstream: 'nexus',
      plainHTTP: true,
      clock: new ManualClock(),
      openClient: (origin) => httpClientOf(origin.origin, { limits }),
    });
    const index = await client.get(upstream.url('/index.yaml'));
    const url = `oci://${new URL(registry.origin).host}/charts/podinfo:1.0.0`;
    const opened = opener.open(url, 'archive', never);
    await slow.arrived;
    await settle();
    expect(registry.requests).toHaveLength(0);
    slow.go();
    await textOf(index);
    await (await opened)?.body[Symbol.asyncIterator]().return?.();
    expect(client.allowance()).toEqual({ remaining: 7, limit: 100, windowMs: sixHoursMs });
    await opener.close();
  });
});

describe('what is left of a rate limit', () => {
  const docker = { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '76;w=21600' };
  const github = (resetInSeconds: number) => ({
    'x-ratelimit-limit': '60',
    'x-ratelimit-remaining': '59',
    'x-ratelimit-reset': String(now / 1000 + resetInSeconds),
  });

  it('is read as Docker Hub and as GitHub write it', () => {
    expect(readAllowance(docker, now)).toEqual({ remaining: 76, limit: 100, windowMs: sixHoursMs });
    expect(readAllowance(github(3600), now)).toEqual({ remaining: 59, limit: 60, windowMs: 3_600_000 });
    expect(readAllowance({ ...github(60), ...docker }, now)).toMatchObject({ limit: 100 });
    expect(readAllowance({ ...docker, 'ratelimit-remaining': '120' }, now)).toMatchObject({ remaining: 100 });
    expect(readAllowance({ ...docker, 'ratelimit-remaining': '0;w=21600' }, now)).toMatchObject({ remaining: 0 });
  });

  it.each([
    ['nothing', {}],
    ['half of it', { 'ratelimit-limit': '100;w=21600' }],
    ['no window', { 'ratelimit-limit': '100', 'ratelimit-remaining': '76' }],
    ['no number', { ...docker, 'ratelimit-limit': 'many;w=21600' }],
    ['less than nothing', { ...docker, 'ratelimit-remaining': '-1;w=21600' }],
    ['a limit of nothing', { 'ratelimit-limit': '0;w=21600', 'ratelimit-remaining': '0;w=21600' }],
    ['a window without length', { 'ratelimit-limit': '100;w=0', 'ratelimit-remaining': '76;w=0' }],
    ['a window of a year', { 'ratelimit-limit': '100;w=31536000', 'ratelimit-remaining': '76' }],
    ['a window that is over', github(-1)],
    ['a reset that is no time', { ...github(0), 'x-ratelimit-reset': 'soon' }],
    ['a reset in another unit', { ...github(0), 'x-ratelimit-reset': '3600' }],
    ['lists of them', { 'ratelimit-limit': '100, 10;w=1', 'ratelimit-remaining': '76, 3;w=1' }],
  ])('is unknown where a server says %s', (_, headers) => {
    expect(readAllowance(headers, now)).toBeUndefined();
  });

  it('is what was said last, also in a refusal, until the window is over; silence changes nothing', () => {
    const clock = new ManualClock(now);
    const limits = limitsOf(1, 1, clock);
    const url = new URL('https://registry-1.docker.io/v2/');
    expect(limits.allowance()).toBeUndefined();
    limits.hear({ url, headers: docker });
    limits.hear({ url, headers: { ...docker, 'ratelimit-remaining': '75;w=21600' } });
    limits.hear({ url, headers: {} });
    expect(limits.allowance()?.remaining).toBe(75);
  });

  it('is forgotten when its window is over', async () => {
    const clock = new ManualClock(now);
    const limits = limitsOf(1, 1, clock);
    limits.hear({ url: new URL('https://registry-1.docker.io/v2/'), headers: docker });
    await clock.advance(sixHoursMs - 1);
    expect(limits.allowance()).toBeDefined();
    await clock.advance(1);
    expect(limits.allowance()).toBeUndefined();
  });

  it('is that of the host with the least, where an upstream leads to several', async () => {
    const clock = new ManualClock(now);
    const limits = limitsOf(1, 1, clock);
    limits.hear({ url: new URL('https://registry-1.docker.io/v2/'), headers: docker });
    limits.hear({ url: new URL('https://api.github.com/x'), headers: github(3600) });
    expect(limits.allowance()?.limit).toBe(60);
    await clock.advance(3_600_000);
    expect(limits.allowance()?.limit).toBe(100);
  });

  it('is heard in whatever answer carries it', async () => {
    const upstream = await faultUpstream();
    upstream.on('/x', { status: 429, headers: docker });
    const client = httpClientOf(upstream.origin);
    await (await client.get(upstream.url('/x'), { method: 'HEAD' })).dump();
    expect(client.allowance()?.remaining).toBe(76);
  });
});
