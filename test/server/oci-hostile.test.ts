import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import { openImageDoors, type ImageDoors } from './oci-doors.ts';
import { held, heldBlob, hostileCases, type HostileCase } from './oci-hostile-cases.ts';

interface Raw {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** Sends one request as it is written, through no library that would mend it. */
async function say(doors: ImageDoors, one: HostileCase): Promise<Raw> {
  const { method = 'GET', headers = {} } = one;
  const target = one.target.replace(held, doors.manifestDigest).replace(heldBlob, doors.layerDigest);
  const lines = Object.entries(headers).map(
    ([name, value]) => `${name}: ${value.replace(held, doors.manifestDigest)}\r\n`,
  );
  const text = await doors.say(
    `${method} ${target} HTTP/1.1\r\nHost: charts.corp\r\nConnection: close\r\n${lines.join('')}\r\n`,
  );
  const end = text.indexOf('\r\n\r\n');
  const [first = '', ...rest] = text.slice(0, end).split('\r\n');
  const pairs = rest.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1]),
    headers: new Map(pairs),
    body: Buffer.from(text.slice(end + 4), 'latin1'),
  };
}

/** Why an answer is not one that a registry may give; undefined when it is. */
function faultIn(doors: ImageDoors, one: HostileCase, { status, headers, body }: Raw): string | undefined {
  if (!one.statuses.includes(status)) return `${status}`;
  if (headers.has('set-cookie') || headers.has('content-encoding')) return 'has a header that nobody wrote';
  if (status >= 400) return faultInError(headers, body);
  return status === 304 ? undefined : faultInBody(doors, one, headers, body);
}

function faultInBody(
  doors: ImageDoors,
  { target }: HostileCase,
  headers: Raw['headers'],
  body: Buffer,
): string | undefined {
  if (headers.get('content-length') !== String(body.length)) return 'is not as long as it says';
  const digest = headers.get('docker-content-digest');
  if (digest !== undefined && !headers.has('content-range') && digest !== digestOf(body))
    return 'is not what its digest says';
  if (target.endsWith('/manifests/1.2.3') && digest !== doors.manifestDigest) return 'is another manifest';
  return undefined;
}

const specified =
  /^\{"errors":\[\{"code":"(?:BLOB_UNKNOWN|DIGEST_INVALID|MANIFEST_INVALID|MANIFEST_UNKNOWN|NAME_INVALID|NAME_UNKNOWN|SIZE_INVALID|UNSUPPORTED|PAGINATION_NUMBER_INVALID)","message":"[^"\\]+"\}\]\}$/;

function faultInError(headers: ReadonlyMap<string, string>, body: Buffer): string | undefined {
  if (!headers.get('content-type')?.startsWith('application/json')) return 'is no JSON';
  if (headers.get('cache-control') !== 'no-store') return 'may be kept';
  return specified.test(body.toString('latin1')) ? undefined : `says ${body.toString('latin1')}`;
}

describe('what somebody asks of the registry who means no good', () => {
  test('is more than 300 things', () => {
    expect(new Set(hostileCases.map((one) => JSON.stringify(one))).size).toBe(hostileCases.length);
    expect(hostileCases.length).toBeGreaterThan(300);
  });

  test('is answered as the specification has it, and never with 5xx', async () => {
    const doors = await openImageDoors();
    const found: string[] = [];
    for (const one of hostileCases) {
      const fault = faultIn(doors, one, await say(doors, one));
      if (fault !== undefined)
        found.push(
          `${one.method ?? 'GET'} ${one.target.slice(0, 100)} ${JSON.stringify(one.headers ?? {}).slice(0, 60)}: ${fault}`,
        );
    }

    expect(found).toEqual([]);
    expect(doors.lines).toEqual([]);
  });

  test.each(['a/b', 'evil\tx', '[::1'])('by the host %j is 400 in the form of a registry', async (host) => {
    const doors = await openImageDoors();
    const text = await doors.say(`GET /v2/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);

    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toContain('{"errors":[{"code":"UNSUPPORTED","message":"This request cannot be understood."}]}');
  });

  test.each([
    ['a request line of 17 KB', `GET /v2/${'x'.repeat(17_000)}/manifests/1 HTTP/1.1\r\nHost: a\r\n\r\n`],
    ['10,000 headers', `GET /v2/ HTTP/1.1\r\nHost: a\r\n${'X-A: b\r\n'.repeat(10_000)}\r\n`],
  ])('by %s is 431', async (_what, bytes) => {
    const doors = await openImageDoors();

    expect(await doors.say(bytes)).toMatch(/^HTTP\/1\.1 431 /);
  });

  test('over too many connections is 503 in the form of a registry', async () => {
    const doors = await openImageDoors({ maxConnections: 1 });
    await doors.dial();
    const answer = await doors.ask('/v2/nginx/manifests/1.2.3');

    expect([answer.status, answer.headers['retry-after']]).toEqual([503, '1']);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ errors: [{ code: 'TOOMANYREQUESTS' }] });
  });

  test('by naming another host comes back in no answer', async () => {
    const doors = await openImageDoors();
    const head = 'HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\nConnection: close\r\n\r\n';
    for (const target of [
      '/v2/',
      '/v2/_catalog?n=1',
      '/v2/nginx/tags/list?n=1',
      '/v2/nginx/manifests/1.2.3',
      '/v2/x/y',
    ]) {
      expect(await doors.say(`GET ${target} ${head}`)).not.toContain('evil');
    }
  });
});
