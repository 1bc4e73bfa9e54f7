import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

import { s3Error, s3Object, type S3Handler } from './fake-s3.ts';

/** How a server treats the headers of conditional writes: as S3 does, as if they were not there, or as unknown. */
export type Conditions = 'kept' | 'ignored' | 'refused';

/** A bucket in memory that is there and keeps objects as S3 does, but for what it is told. It has no lists. */
export function fakeBucket(conditions: Conditions): S3Handler {
  const objects = new Map<string, Buffer>();
  return (request, response, body) => {
    const key = keyOf(request);
    if (key === '') return s3Object(Buffer.alloc(0))(request, response, body);
    const there = objects.get(key);
    if (request.method === 'PUT') {
      const refusal = refusalOf(request, there, conditions);
      if (refusal) return refusal(request, response, body);
      objects.set(key, body);
      return answer(response, 200, body, false);
    }
    if (request.method === 'DELETE') {
      objects.delete(key);
      return void response.writeHead(204).end();
    }
    if (there) return answer(response, 200, there, request.method === 'GET');
    return s3Error(404, 'NoSuchKey')(request, response, body);
  };
}

/** `/charts/a/b?x` -> `a/b`. */
function keyOf({ url = '' }: IncomingMessage): string {
  return (url.split('?')[0] ?? '').split('/').slice(2).join('/');
}

function refusalOf({ headers }: IncomingMessage, there: Buffer | undefined, how: Conditions): S3Handler | undefined {
  const absent = headers['if-none-match'];
  const etag = headers['if-match'];
  if (how === 'ignored' || (absent === undefined && etag === undefined)) return undefined;
  if (how === 'refused') return s3Error(501, 'NotImplemented');
  const holds = absent === undefined ? there && etagOf(there) === etag : !there;
  return holds ? undefined : s3Error(412, 'PreconditionFailed');
}

function answer(response: ServerResponse, status: number, bytes: Buffer, withBody: boolean): void {
  const common = { etag: etagOf(bytes), 'last-modified': 'Sat, 21 Nov 2026 03:54:47 GMT' };
  response.writeHead(
    status,
    withBody || response.req.method === 'HEAD' ? { ...common, 'content-length': bytes.length } : common,
  );
  response.end(withBody ? bytes : undefined);
}

function etagOf(bytes: Buffer): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`;
}
