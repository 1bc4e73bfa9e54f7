import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** How a folder is served. */
export interface StaticUpstreamOptions {
  /** Holds `index.yaml`; archives lie beside it or in `packages/`. */
  readonly folder: string;
  /** Absolute urls of the index lead to a second server on a port of its own, instead of back to this one. */
  readonly archivesElsewhere?: boolean;
  /** Sends the index compressed to those who accept it. */
  readonly gzip?: boolean;
  /** What an answer says about its bytes, and what conditional requests may ask about. Both when absent. */
  readonly validators?: readonly ('etag' | 'last-modified')[];
  /** Changes the index before it is served, after its urls were rewritten. */
  readonly edit?: (index: string) => string;
}

/** A folder of charts as a chart repository on loopback. */
export interface StaticUpstream {
  readonly url: string;
  /** `host:port` that absolute urls of the index lead to. */
  readonly archivesHost: string;
  /** How often a path was asked for, on either server: `/index.yaml`, `/podinfo/podinfo-6.0.0.tgz`. */
  count(path: string): number;
  /** All requests so far, on either server. */
  total(): number;
  /** Stops listening and cuts every connection: from now on nobody answers at this address. */
  offline(): Promise<void>;
  stop(): Promise<void>;
}

interface Found {
  readonly bytes: Buffer;
  readonly modified: Date;
  readonly type: string;
}

/** Serves a folder. Archives that the index names and the folder lacks are answered with 404. */
export async function startStaticUpstream(options: StaticUpstreamOptions): Promise<StaticUpstream> {
  const counts = new Map<string, number>();
  const answer =
    (find: (path: string) => Promise<Found | undefined>) => (request: IncomingMessage, response: ServerResponse) => {
      const { pathname } = new URL(request.url ?? '/', 'http://localhost');
      counts.set(pathname, (counts.get(pathname) ?? 0) + 1);
      find(pathname).then(
        (found) => send(found, request, response, options),
        () => response.writeHead(500).end(),
      );
    };
  const archives = (path: string) => readArchive(options.folder, path);
  const elsewhere = options.archivesElsewhere ? await listen(createServer(answer(archives))) : undefined;
  let index: Promise<Found> | undefined;
  const main: Server = createServer(
    answer((path) => (path === '/index.yaml' ? (index ??= readIndex()) : archives(path))),
  );
  await listen(main);
  const url = urlOf(main);
  const archivesUrl = urlOf(elsewhere ?? main);
  const readIndex = () => rewrittenIndex(options, archivesUrl);
  const close = async () => {
    for (const server of [main, elsewhere]) if (server?.listening) await shut(server);
  };
  return {
    url,
    archivesHost: new URL(archivesUrl).host,
    count: (path) => counts.get(path) ?? 0,
    total: () => [...counts.values()].reduce((sum, count) => sum + count, 0),
    offline: close,
    stop: close,
  };
}

const absoluteArchiveUrl = /^(\s*-\s+)https?:\/\/[^/\s]+(\/\S+\.tgz)\s*$/gm;

async function rewrittenIndex(options: StaticUpstreamOptions, archivesUrl: string): Promise<Found> {
  const path = join(options.folder, 'index.yaml');
  const original = await readFile(path, 'utf8');
  const rewritten = original.replace(absoluteArchiveUrl, `$1${archivesUrl}$2`);
  const text = options.edit?.(rewritten) ?? rewritten;
  return { bytes: Buffer.from(text), modified: (await stat(path)).mtime, type: 'text/yaml' };
}

async function readArchive(folder: string, path: string): Promise<Found | undefined> {
  const name = decodeURIComponent(basename(path));
  for (const candidate of [join(folder, name), join(folder, 'packages', name)]) {
    const info = await stat(candidate).catch(() => undefined);
    if (info?.isFile()) return { bytes: await readFile(candidate), modified: info.mtime, type: 'application/gzip' };
  }
  return undefined;
}

function send(
  found: Found | undefined,
  request: IncomingMessage,
  response: ServerResponse,
  options: StaticUpstreamOptions,
): void {
  if (!found) return void response.writeHead(404, { 'content-type': 'text/plain' }).end('no such file\n');
  const validators = options.validators ?? ['etag', 'last-modified'];
  const etag = `"${createHash('sha256').update(found.bytes).digest('hex')}"`;
  if (validators.includes('etag')) response.setHeader('etag', etag);
  if (validators.includes('last-modified')) response.setHeader('last-modified', found.modified.toUTCString());
  if (isUnchanged(request, response)) return void response.writeHead(304).end();
  const compress = options.gzip === true && acceptsGzip(request) && found.type === 'text/yaml';
  const body = compress ? gzipSync(found.bytes) : found.bytes;
  if (compress) response.setHeader('content-encoding', 'gzip');
  response.writeHead(200, { 'content-type': found.type, 'content-length': body.length });
  response.end(body);
}

function acceptsGzip({ headers }: IncomingMessage): boolean {
  return /\bgzip\b/.test(headers['accept-encoding'] ?? '');
}

/** RFC 9110 section 13: an etag is asked about first, and a date only without one. */
function isUnchanged({ headers }: IncomingMessage, response: ServerResponse): boolean {
  const etag = response.getHeader('etag');
  if (etag !== undefined && headers['if-none-match'] !== undefined) return headers['if-none-match'] === etag;
  const modified = response.getHeader('last-modified');
  return modified !== undefined && headers['if-modified-since'] === modified;
}

async function listen(server: Server): Promise<Server> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function shut(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
