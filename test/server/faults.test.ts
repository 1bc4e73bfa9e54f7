import { describe, expect, test } from 'vitest';

import { Fault, faultCodes, type FaultCode } from '../../src/chart/fault.ts';
import { Secret } from '../../src/lib/secret.ts';
import { ociCodeOf } from '../../src/server/faults.ts';
import { upstreamStatus } from '../support/fake-mirror.ts';
import { openDoors } from './open-doors.ts';

/** Configuration.md sections 2 and 4, written out: status, status when too slow, status of a refused change. */
const statuses: Readonly<Record<FaultCode, readonly [usual: number, slow: number, change: number]>> = {
  'upstream-unreachable': [502, 504, 502],
  'tls-untrusted': [502, 504, 502],
  'upstream-failed': [502, 504, 502],
  unauthorized: [502, 504, 502],
  forbidden: [502, 504, 502],
  'rate-limited': [503, 503, 503],
  'not-a-repository': [502, 504, 502],
  'not-a-registry': [502, 504, 502],
  'listing-invalid': [502, 504, 502],
  'listing-refused': [502, 502, 409],
  'no-charts-found': [502, 504, 502],
  'invalid-reference': [400, 400, 400],
  'manifest-unknown': [502, 504, 502],
  'not-a-chart': [502, 504, 502],
  'digest-mismatch': [502, 504, 502],
  rewritten: [502, 504, 502],
  'archive-invalid': [502, 504, 502],
  'too-large': [502, 504, 502],
  'provenance-invalid': [403, 403, 403],
  'store-failed': [503, 503, 503],
  'not-found': [404, 404, 404],
  'bad-request': [400, 400, 400],
  denied: [403, 403, 403],
  unavailable: [503, 504, 503],
};

const path = '/charts/nginx/nginx-1.2.3.tgz';

describe.each(faultCodes)('%s', (code) => {
  const [usual, slow, change] = statuses[code];

  test(`is ${usual} on the doors: one plain sentence and one piece of advice that nobody may keep`, async () => {
    const { ask, mirror } = await openDoors();
    mirror.fail('nginx', '1.2.3', new Fault(code, 'podinfo: something happened.', 'Do something.'));

    for (const address of [path, `${path}.prov`]) {
      const answer = await ask(address);
      expect(answer.status).toBe(usual);
      expect(answer.body.toString()).toBe('podinfo: something happened. Do something.\n');
      expect(answer.reason).toBe('podinfo: something happened.');
      expect(answer.headers).toMatchObject({
        'content-type': 'text/plain; charset=utf-8',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      });
      expect(answer.headers).not.toHaveProperty('etag');
      expect(answer.headers['retry-after']).toBe(usual === 503 ? '5' : undefined);
    }
  });

  test(`is ${slow} when the other side was too slow, also when it is found out later`, async () => {
    const { ask, mirror } = await openDoors();
    mirror.resolving = Promise.resolve();
    mirror.fail('nginx', '1.2.3', new Fault(code, 'podinfo: slow.', '', { timedOut: true, retryAfterMs: 1500 }));
    const answer = await ask(path);

    expect(answer.status).toBe(slow);
    expect(answer.headers['retry-after']).toBe(slow >= 500 ? '2' : undefined);
  });

  test(`is ${change} for an operator's sync, as JSON`, async () => {
    const { ask, mirror } = await openDoors({ adminToken: Secret.of('token') });
    mirror.upstreams = [upstreamStatus('podinfo')];
    mirror.syncing = async () => {
      throw new Fault(code, 'podinfo: something happened.', 'Do something.');
    };
    const headers = { authorization: 'Bearer token' };
    const answer = await ask('/api/v1/upstreams/podinfo/sync', { method: 'POST', headers });

    expect(answer.status).toBe(change);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
    });
    expect(JSON.parse(answer.body.toString())).toEqual({
      error: { code, message: 'podinfo: something happened.', advice: 'Do something.' },
    });
  });

  test('has a code for OCI clients', () => {
    expect(ociCodeOf(new Fault(code, '', ''))).toMatch(/^[A-Z_]+$/);
  });
});

test.each([[new TypeError('x is not a function: secret')], ['a string'], [undefined]])(
  'what nobody foresaw (%s) is 500 in general words, and the log says what',
  async (thrown) => {
    const { ask, mirror, lines } = await openDoors();
    mirror.fail('nginx', '1.2.3', thrown);
    const answer = await ask(path);

    expect(answer.status).toBe(500);
    expect(answer.body.toString()).toBe('Something went wrong here. The log says what.\n');
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ level: 50 });
    if (thrown instanceof Error) expect(JSON.stringify(lines[0])).toContain('faults.test.ts:');
  },
);

test('what nobody foresaw is JSON in the API', async () => {
  const { ask, mirror } = await openDoors({ adminToken: Secret.of('token') });
  mirror.upstreams = [upstreamStatus('podinfo')];
  const headers = { authorization: 'Bearer token' };
  const answer = await ask('/api/v1/upstreams/podinfo/sync', { method: 'POST', headers });

  expect(answer.status).toBe(500);
  expect(JSON.parse(answer.body.toString())).toEqual({
    error: { code: 'internal', message: 'Something went wrong here. The log says what.', advice: '' },
  });
});

test('a message with line breaks and other scripts stays one status line', async () => {
  const { ask, mirror } = await openDoors();
  const message = `podinfo: first\r\nSet-Cookie: a=b \u001b[31m ünïcode ${'x'.repeat(500)}`;
  mirror.fail('nginx', '1.2.3', new Fault('upstream-failed', message, ''));
  const answer = await ask(path);

  expect(answer.status).toBe(502);
  expect(answer.reason).toMatch(/^podinfo: first Set-Cookie: a=b {2}\[31m /);
  expect(answer.reason.length).toBeLessThanOrEqual(200);
  expect(answer.headers).not.toHaveProperty('set-cookie');
});

test('HEAD has the status and headers of the fault, and no body', async () => {
  const { ask, mirror } = await openDoors();
  mirror.fail('nginx', '1.2.3', new Fault('upstream-failed', 'podinfo: answered 500.', 'Wait.'));
  const [get, head] = [await ask(path), await ask(path, { method: 'HEAD' })];

  expect({ ...head.headers, date: '' }).toEqual({ ...get.headers, date: '' });
  expect(head.status).toBe(502);
  expect(head.body).toHaveLength(0);
});
