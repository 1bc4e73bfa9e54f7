import { createServer, type LookupFunction } from 'node:net';

import { expect, onTestFinished } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import { readAll } from '../../src/lib/bytes.ts';
import { systemClock, type Clock } from '../../src/lib/clock.ts';
import type { Log } from '../../src/lib/log.ts';
import type { Authorization } from '../../src/upstream/credentials/authorization.ts';
import { anonymous } from '../../src/upstream/credentials/preemptive.ts';
import { openHttpClient } from '../../src/upstream/http/client.ts';
import type { HttpAnswer, HttpClient, HttpRequest } from '../../src/upstream/http/http.ts';
import { UpstreamLimits } from '../../src/upstream/http/limits.ts';
import type { ProxySettings } from '../../src/upstream/http/proxy.ts';
import type { Reach } from '../../src/upstream/http/reach.ts';
import type { TlsSettings } from '../../src/upstream/http/tls.ts';

/** A signal that never aborts. */
export const never = new AbortController().signal;

/** A client with a short way to ask. */
export interface TestClient extends HttpClient {
  get(url: URL | string, more?: Partial<HttpRequest>): Promise<HttpAnswer>;
}

export interface HttpClientSettings {
  readonly upstream?: string;
  readonly authorization?: Authorization;
  readonly clock?: Clock;
  /** None that a test would notice when absent. */
  readonly limits?: UpstreamLimits;
  readonly timeoutMs?: number;
  readonly log?: Log;
  /** How far it may be led; nowhere but to its own address when absent. */
  readonly reach?: Partial<Reach> | undefined;
  /** Origins that are told who we are; the trusted ones when absent. */
  readonly homes?: readonly URL[];
  readonly tls?: Partial<TlsSettings> | undefined;
  readonly proxy?: Partial<ProxySettings> | undefined;
  readonly lookup?: LookupFunction;
}

/** Opens one, named `nexus` unless told otherwise; it is closed with the test. */
export function httpClientOf(origin: string, options: HttpClientSettings = {}): TestClient {
  const { clock = systemClock, log, lookup } = options;
  const reach = { trusted: [new URL(origin)] as const, archiveHosts: [], allowPrivateNetwork: false, ...options.reach };
  const client = openHttpClient({
    upstream: options.upstream ?? 'nexus',
    reach,
    homes: options.homes ?? reach.trusted,
    tls: { insecureSkipTLSVerify: false, ...options.tls },
    proxy: { noProxy: '', ...options.proxy },
    authorization: options.authorization ?? anonymous,
    limits: options.limits ?? new UpstreamLimits({ concurrency: 1000, requestsPerSecond: 1e6, clock }),
    timeoutMs: options.timeoutMs ?? 60_000,
    connections: 4,
    version: '0.1.0',
    clock,
    ...(log && { log }),
    ...(lookup && { lookup }),
  });
  onTestFinished(() => client.close());
  return { ...client, get: (url, more = {}) => client.request({ url: new URL(url), signal: never, ...more }) };
}

/** The fault that some work must end in. */
export async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Fault);
  return error as Fault;
}

/** A whole body as text. */
export const textOf = async (answer: HttpAnswer): Promise<string> => (await readAll(answer.body, 1e6)).toString();

/** A port of loopback where nobody listens. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
