import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { Fault, type FaultCode } from '../../src/chart/fault.ts';
import { Secret } from '../../src/lib/secret.ts';
import { upstreamStatus } from '../support/fake-mirror.ts';
import { openDoors } from './open-doors.ts';

const bytes = Buffer.from('the new bytes');
const archive = { mediaType: 'application/gzip', digest: digestOf(bytes), size: bytes.length };
const heldAt = '2026-01-01T00:00:00Z';
const request = { method: 'POST', headers: { authorization: 'Bearer token' } };

function addressOf(version: string, chart = 'demo', upstream = 'podinfo'): string {
  return `/api/v1/upstreams/${upstream}/charts/${chart}/${version}/accept`;
}

async function doorsWithRewritten() {
  const doors = await openDoors({ adminToken: Secret.of('token'), level: 'info' });
  doors.mirror.upstreams = [upstreamStatus('podinfo')];
  doors.mirror.accepting = async () => ({
    chart: 'demo',
    version: '1.0.0',
    archive,
    config: { ...archive, mediaType: 'application/vnd.cncf.helm.config.v1+json' },
    heldAt,
    acceptedAt: '2026-01-01T00:00:00.000Z',
  });
  return doors;
}

describe('taking the new bytes of a rewritten version', () => {
  test('answers with what is held now, and with nothing else', async () => {
    const { ask, mirror } = await doorsWithRewritten();
    const answer = await ask(addressOf('1.0.0'), request);

    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
    });
    expect(JSON.parse(answer.body.toString())).toEqual({ chart: 'demo', version: '1.0.0', archive, heldAt });
    expect(mirror.acceptedVersion).toEqual({ upstream: 'podinfo', chart: 'demo', version: '1.0.0' });
  });

  test.each([
    ['1.0.0+build.5', '1.0.0+build.5'],
    ['1.0.0%2Bbuild.5', '1.0.0+build.5'],
    ['1.0.0%2bbuild.5', '1.0.0+build.5'],
    ['v1.0.0-rc.1', 'v1.0.0-rc.1'],
  ])('takes the version %s for %s', async (written, version) => {
    const { ask, mirror } = await doorsWithRewritten();

    expect((await ask(addressOf(written), request)).status).toBe(200);
    expect(mirror.acceptedVersion?.version).toBe(version);
  });

  test.each([
    ['latest', 'demo'],
    ['1.0.0%20', 'demo'],
    ['1.0.0%00', 'demo'],
    ['1.0.0%0a', 'demo'],
    ['1.0.0%252Bx', 'demo'],
    ['1.0.0%2F2.0.0', 'demo'],
    ['1.0.0%zz', 'demo'],
    ['1'.repeat(129), 'demo'],
    ['1.0.0', '%2e%2e%2fdemo'],
    ['1.0.0', 'demo%2Fother'],
    ['1.0.0', '-demo'],
    ['1.0.0', 'x'.repeat(129)],
    ['1.0.0', '%ff'],
    ['1.0.0', '__proto__'],
  ])('with the version %s of %s is 400, and nobody is asked', async (version, chart) => {
    const { ask, mirror } = await doorsWithRewritten();
    const answer = await ask(addressOf(version, chart), request);

    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ error: { code: 'bad-request' } });
    expect(mirror.asked.accept).toBe(0);
  });

  test.each(['nobody', '__proto__', 'constructor', 'PODINFO', 'podinfo%00', 'x'.repeat(4096)])(
    'at the upstream %s is 404',
    async (upstream) => {
      const { ask, mirror } = await doorsWithRewritten();
      const answer = await ask(addressOf('1.0.0', 'demo', upstream), request);

      expect(answer.status).toBe(404);
      expect(JSON.parse(answer.body.toString())).toMatchObject({ error: { code: 'not-found' } });
      expect(mirror.asked.accept).toBe(0);
    },
  );

  test('with a parameter is 400', async () => {
    const { ask, mirror } = await doorsWithRewritten();

    expect((await ask(`${addressOf('1.0.0')}?accept=shrink`, request)).status).toBe(400);
    expect(mirror.asked.accept).toBe(0);
  });

  test.each<[FaultCode, number]>([
    ['listing-refused', 409],
    ['not-found', 404],
    ['bad-request', 400],
    ['digest-mismatch', 502],
    ['upstream-unreachable', 502],
    ['rate-limited', 503],
    ['store-failed', 503],
  ])('that meets %s is %i, as JSON', async (code, status) => {
    const { ask, mirror } = await doorsWithRewritten();
    mirror.accepting = async () => {
      throw new Fault(code, 'podinfo: something happened.', 'Do something.');
    };
    const answer = await ask(addressOf('1.0.0'), request);

    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body.toString())).toEqual({
      error: { code, message: 'podinfo: something happened.', advice: 'Do something.' },
    });
  });

  test('is in the access log with the chart and the version', async () => {
    const { ask, lines } = await doorsWithRewritten();
    await ask(addressOf('1.0.0%2Bx'), request);

    expect(lines).toEqual([
      expect.objectContaining({ door: 'api', method: 'POST', status: 200, chart: 'demo', version: '1.0.0+x' }),
    ]);
  });
});
