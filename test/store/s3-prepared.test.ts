import { describe, expect, it, onTestFinished } from 'vitest';

import type { Clock } from '../../src/lib/clock.ts';
import type { S3Options } from '../../src/lib/s3-client.ts';
import { addTo } from '../contract/counter.ts';
import { ManualClock } from '../support/clock.ts';
import { fakeBucket } from '../support/fake-s3-bucket.ts';
import { fakeS3, s3Error, type S3Handler } from '../support/fake-s3.ts';
import { faultOf } from '../support/http.ts';
import { openS3Store } from '../support/s3-store.ts';

const warning = 'the bucket has no conditional writes: run one server only on it';
const hourMs = 3_600_000;

async function opened(options: S3Options, clock?: Clock) {
  const bucket = await openS3Store(options, clock);
  onTestFinished(() => bucket.close());
  return bucket;
}

describe('a bucket that is prepared', () => {
  it('is known to have conditional writes, without a word', async () => {
    const { conditional, logged } = await opened((await fakeS3(fakeBucket('kept'))).options);
    expect([conditional(), logged]).toEqual([true, []]);
  });

  it.each(['ignored', 'refused'] as const)('is found to have none where they are %s, and that is said', async (how) => {
    const { store, conditional, logged } = await opened((await fakeS3(fakeBucket(how))).options);
    expect(conditional()).toBe(false);
    expect(logged).toEqual([expect.objectContaining({ level: 40, msg: warning })]);
    await store.write('counter', Buffer.from('0'));
    await Promise.all([1, 2, 3].map(() => addTo(store, 'counter', 5)));
    expect(String((await store.read('counter'))?.body)).toBe('15');
    expect(await store.write('counter', Buffer.from('0'), 'absent')).toBe('conflict');
  });

  it('is asked no more than it takes, and nothing after that until somebody wants something', async () => {
    const server = await fakeS3(fakeBucket('kept'));
    const first = await opened(server.options);
    expect(server.requests.map((request) => request.split('?')[0])).toEqual([
      'HEAD /charts',
      'GET /charts/format.json',
      'PUT /charts/format.json',
      'PUT /charts/format.json',
      'PUT /charts/format.json',
    ]);
    const again = await opened(server.options);
    expect(server.requests).toHaveLength(9);
    expect([first.conditional(), again.conditional()]).toEqual([true, true]);
  });
});

interface Upload {
  readonly key: string;
  readonly id: string;
  readonly ageMs: number;
}

/** A bucket with uploads in parts, of which it tells two at a time. */
function withUploads(
  uploads: readonly Upload[],
  clock: Clock,
): { readonly handler: S3Handler; readonly left: Set<string> } {
  const left = new Set(uploads.map(({ id }) => id));
  const objects = fakeBucket('kept');
  const handler: S3Handler = (request, response, body) => {
    const url = new URL(request.url ?? '', 'http://fake');
    const id = url.searchParams.get('uploadId');
    if (id !== null) {
      if (left.delete(id)) return void response.writeHead(204).end();
      return s3Error(404, 'NoSuchUpload')(request, response, body);
    }
    if (!url.searchParams.has('uploads')) return objects(request, response, body);
    const prefix = url.searchParams.get('prefix') ?? '';
    const after = `${url.searchParams.get('key-marker') ?? ''} ${url.searchParams.get('upload-id-marker') ?? ''}`;
    const rest = uploads.filter((upload) => upload.key.startsWith(prefix) && `${upload.key} ${upload.id}` > after);
    response.end(uploadsPage(rest.slice(0, 2), rest.length > 2, clock));
  };
  return { handler, left };
}

function uploadsPage(uploads: readonly Upload[], truncated: boolean, clock: Clock): string {
  const last = uploads.at(-1);
  const markers = `<NextKeyMarker>${last?.key}</NextKeyMarker><NextUploadIdMarker>${last?.id}</NextUploadIdMarker>`;
  const rows = uploads.map(({ key, id, ageMs }) => {
    const initiated = new Date(clock.now() - ageMs).toISOString();
    return `<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiated>${initiated}</Initiated></Upload>`;
  });
  return `<ListMultipartUploadsResult>${truncated ? markers : ''}<IsTruncated>${truncated}</IsTruncated>${rows.join('')}</ListMultipartUploadsResult>`;
}

const uploads: readonly Upload[] = [
  { key: 'other/a', id: 'theirs', ageMs: 99 * hourMs },
  { key: 'p/blobs/a', id: 'old-1', ageMs: 25 * hourMs },
  { key: 'p/blobs/a', id: 'old-2', ageMs: 99 * hourMs },
  { key: 'p/blobs/a+b', id: 'old-3', ageMs: 25 * hourMs },
  { key: 'p/blobs/b', id: 'young', ageMs: 23 * hourMs },
  { key: 'p/no key', id: 'stranger', ageMs: 99 * hourMs },
  { key: 'p/x', id: 'old/4+=', ageMs: 25 * hourMs },
];

describe('tidying a bucket', () => {
  it('gives up old uploads in parts below its prefix, page by page, and no others', async () => {
    const clock = new ManualClock();
    const { handler, left } = withUploads(uploads, clock);
    const { tidy } = await opened((await fakeS3(handler, { prefix: 'p/' })).options, clock);
    expect(await tidy(24 * hourMs)).toBe(4);
    expect([...left].sort()).toEqual(['stranger', 'theirs', 'young']);
  });

  it('counts only what it gave up itself when another replica tidies too', async () => {
    const clock = new ManualClock();
    const { handler } = withUploads(uploads, clock);
    const { options } = await fakeS3(handler, { prefix: 'p/' });
    const both = await Promise.all([opened(options, clock), opened(options, clock)]);
    const counts = await Promise.all(both.map(({ tidy }) => tidy(24 * hourMs)));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(4);
  });

  it.each([
    [403, 'AccessDenied'],
    [501, 'NotImplemented'],
    [405, 'MethodNotAllowed'],
  ])('finds nothing where it is answered %i %s, and says so once', async (status, code) => {
    const objects = fakeBucket('kept');
    const server = await fakeS3((request, response, body) => {
      const isList = new URL(request.url ?? '', 'http://fake').searchParams.has('uploads');
      return (isList ? s3Error(status, code) : objects)(request, response, body);
    });
    const { tidy, logged } = await opened(server.options);
    expect([await tidy(0), await tidy(0)]).toEqual([0, 0]);
    expect(logged.map(({ level }) => level)).toEqual([20]);
  });

  it('faults when the bucket is in trouble, or answers something else', async () => {
    const objects = fakeBucket('kept');
    const server = await fakeS3(objects);
    const { tidy } = await opened(server.options);
    server.answer((_, response) => response.end('<html></html>'));
    expect((await faultOf(tidy(0))).message).toContain('list of uploads');
    server.answer(s3Error(404, 'NoSuchBucket'));
    expect((await faultOf(tidy(0))).code).toBe('store-failed');
  });
});
