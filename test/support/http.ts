import { createServer } from 'node:net';

import { expect, onTestFinished } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import { readAll } from '../../src/lib/bytes.ts';
import { systemClock, type Clock } from '../../src/lib/clock.ts';
import type { Log } from '../../src/lib/log.ts';
import type { Authorization } from '../../src/upstream/credentials/authorization.ts';
import { anonymous } from '../../src/upstream/credentials/basic.ts';
import { openHttpClient } from '../../src/upstream/http-client.ts';
import type { HttpAnswer, HttpClient, HttpRequest } from '../../src/upstream/http.ts';
import { UpstreamLimits } from '../../src/upstream/limits.ts';

/** A signal that never aborts. */
export const never = new AbortController().signal;

/** A client with a short way to ask. */
export interface TestClient extends HttpClient {
  get(url: URL | string, more?: Partial<HttpRequest>): Promise<HttpAnswer>;
}

interface HttpClientSettings {
  readonly upstream?: string;
  readonly authorization?: Authorization;
  readonly clock?: Clock;
  /** None that a test would notice when absent. */
  readonly limits?: UpstreamLimits;
  readonly timeoutMs?: number;
  readonly log?: Log;
}

/** Opens one, named `nexus` unless told otherwise; it is closed with the test. */
export function httpClientOf(origin: string, options: HttpClientSettings = {}): TestClient {
  const clock = options.clock ?? systemClock;
  const client = openHttpClient({
    upstream: options.upstream ?? 'nexus',
    origin: new URL(origin),
    authorization: options.authorization ?? anonymous,
    limits: options.limits ?? new UpstreamLimits({ concurrency: 1000, requestsPerSecond: 1e6, clock }),
    timeoutMs: options.timeoutMs ?? 60_000,
    connections: 4,
    version: '0.1.0',
    clock,
    ...(options.log && { log: options.log }),
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
