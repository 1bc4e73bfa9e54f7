import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A chart repository in this process, whose index is what it is told to be. */
export interface BenchUpstream {
  readonly url: string;
  /**
   * From now on this is the index. Its entity tag is its hash unless another is given; with `etag: undefined` it has no
   * validators, and every request gets all of it.
   */
  offer(index: Buffer, options?: { readonly etag: string | undefined }): void;
  /** How often a path was asked for. */
  count(path: string): number;
  /** All requests so far. */
  total(): number;
  stop(): Promise<void>;
}

/** Answers a request for anything but the index; undefined is 404. */
export type ArchiveSource = (path: string) => Promise<Buffer | undefined> | Buffer | undefined;

/** Starts one. Archives come from `archives`. */
export async function startUpstream(archives: ArchiveSource = () => undefined): Promise<BenchUpstream> {
  const counts = new Map<string, number>();
  let index: Uint8Array = Buffer.alloc(0);
  let etag: string | undefined;
  const answerIndex = (request: IncomingMessage, response: ServerResponse): void => {
    if (etag !== undefined) response.setHeader('etag', etag);
    if (etag !== undefined && request.headers['if-none-match'] === etag) response.writeHead(304).end();
    else response.writeHead(200, { 'content-type': 'text/yaml', 'content-length': index.length }).end(index);
  };
  const answerArchive = async (path: string, response: ServerResponse): Promise<void> => {
    const body = await archives(path);
    if (body) response.writeHead(200, { 'content-length': body.length }).end(body);
    else response.writeHead(404).end();
  };
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    counts.set(path, (counts.get(path) ?? 0) + 1);
    if (path === '/index.yaml') answerIndex(request, response);
    else answerArchive(path, response).catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    offer: (next, options = { etag: `"${createHash('sha256').update(next).digest('hex')}"` }) => {
      index = next;
      etag = options.etag;
    },
    count: (path) => counts.get(path) ?? 0,
    total: () => [...counts.values()].reduce((sum, count) => sum + count, 0),
    stop: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
