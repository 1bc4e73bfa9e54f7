import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { onTestFinished } from 'vitest';

import type { S3Options } from '../../src/lib/s3-client.ts';
import { Secret } from '../../src/lib/secret.ts';

/** Answers one request in place of an S3 server. */
export type S3Handler = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

export interface FakeS3 {
  readonly options: S3Options;
  /** Method and path of every request, in order. */
  readonly requests: readonly string[];
  /** What comes next is answered like this. */
  answer(handler: S3Handler): void;
  /** How many connections are open. */
  connections(): Promise<number>;
}

/** A server on loopback that misbehaves as it is told; it goes with the test. */
export async function fakeS3(first: S3Handler, more: Partial<S3Options> = {}): Promise<FakeS3> {
  let handler = first;
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => handler(request, response, Buffer.concat(chunks)));
    request.on('error', () => undefined);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo;
  return {
    options: {
      endpoint: `http://127.0.0.1:${port}`,
      region: 'us-east-1',
      bucket: 'charts',
      prefix: '',
      accessKeyId: 'key',
      secretAccessKey: Secret.of('very-secret'),
      pathStyle: true,
      createBucket: false,
      timeoutMs: 5000,
      ...more,
    },
    requests,
    answer: (next) => {
      handler = next;
    },
    connections: () =>
      new Promise((resolve, reject) =>
        server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
      ),
  };
}

/** An error as S3 writes it. */
export function s3Error(status: number, code: string, more = ''): S3Handler {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/xml', 'x-amz-request-id': '1' });
    response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message>${more}</Error>`);
  };
}

/** An object for whoever asks, as a whole. */
export function s3Object(bytes: Uint8Array, etag = 'e1'): S3Handler {
  return (_, response) => {
    response.writeHead(200, {
      'content-length': bytes.byteLength,
      etag: `"${etag}"`,
      'last-modified': 'Sat, 21 Nov 2026 03:54:47 GMT',
    });
    response.end(bytes);
  };
}
