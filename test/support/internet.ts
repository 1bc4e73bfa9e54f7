import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';

import { onTestFinished } from 'vitest';

import { createAuthority } from './certificates.ts';
import { temporaryFolder } from './temp.ts';

/** A request as it reached a host. */
export interface SiteRequest {
  /** `ghcr.io`, or `registry.corp:5050` where the port is not the standard one. */
  readonly host: string;
  readonly secure: boolean;
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** The path alone. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What a host answers; a healthy 200 where nothing else is said. */
export interface SiteAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
}

/** A host of the internet. */
export type Site = (request: SiteRequest) => SiteAnswer | Promise<SiteAnswer>;

/** Hosts by their real names, behind a proxy on loopback: nothing else can be reached through it. */
export interface Internet {
  /** The address of the proxy, for `HTTP_PROXY`, `HTTPS_PROXY` or `proxy`. */
  readonly proxy: string;
  /** PEM file of the authority that signs for every host. */
  readonly caFile: string;
  /** Every request that reached a host, in order of arrival. */
  readonly requests: readonly SiteRequest[];
  /** What the proxy itself was told: the targets of CONNECT and of plain requests, with the headers meant for it. */
  readonly proxied: readonly { readonly target: string; readonly headers: IncomingHttpHeaders }[];
  /** Requests that reached one host. */
  to(host: string): readonly SiteRequest[];
  /** Forgets the requests so far. */
  forget(): void;
}

/** Starts one; it ends with the test that asked for it. Keys are `host` or `host:port`. */
export async function openInternet(sites: Readonly<Record<string, Site>>): Promise<Internet> {
  const { ca, key, cert } = await identityOf(Object.keys(sites));
  const caFile = join(await temporaryFolder(), 'ca.pem');
  await writeFile(caFile, ca);
  const requests: SiteRequest[] = [];
  const proxied: { target: string; headers: IncomingHttpHeaders }[] = [];
  const serve =
    (secure: boolean) =>
    (request: IncomingMessage, response: ServerResponse): void =>
      void answer(sites, requests, secure, request, response).catch((error: unknown) => {
        response.destroy(error as Error);
      });
  const secure = createTlsServer({ key, cert }, serve(true));
  const plain = serve(false);
  const proxy = createServer((request, response) => {
    proxied.push({ target: request.url ?? '', headers: request.headers });
    plain(request, response);
  });
  proxy.on('connect', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    proxied.push({ target: request.url ?? '', headers: request.headers });
    socket.on('error', () => undefined);
    if (!sites[siteOf(request.url ?? '', true)]) {
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
      return;
    }
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    if (head.length > 0) socket.unshift(head);
    sockets.add(socket);
    secure.emit('connection', socket);
  });
  const sockets = new Set<Socket>();
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    proxy.closeAllConnections();
    await new Promise((resolve) => proxy.close(resolve));
  });
  return {
    proxy: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    caFile,
    requests,
    proxied,
    to: (host) => requests.filter((request) => request.host === host),
    forget: () => {
      requests.length = 0;
      proxied.length = 0;
    },
  };
}

/** `host` without a standard port. */
function siteOf(authority: string, secure: boolean): string {
  return authority.toLowerCase().replace(secure ? /:443$/ : /:80$/, '');
}

async function answer(
  sites: Readonly<Record<string, Site>>,
  requests: SiteRequest[],
  secure: boolean,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const seen = await arrived(request, secure);
  requests.push(seen);
  send(request, response, (await sites[seen.host]?.(seen)) ?? { status: 502 });
}

function send({ method }: IncomingMessage, response: ServerResponse, given: SiteAnswer): void {
  const { status = 200, headers = {}, body = '' } = given;
  const bytes = Buffer.from(body as Uint8Array);
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value as string | string[]);
  const bodiless = status === 204 || status === 304;
  if (!bodiless && !response.hasHeader('content-length')) response.setHeader('content-length', bytes.length);
  response.writeHead(status);
  response.end(method === 'HEAD' || bodiless ? undefined : bytes);
}

async function arrived(request: IncomingMessage, secure: boolean): Promise<SiteRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const scheme = secure ? 'https' : 'http';
  const url = new URL(request.url ?? '/', `${scheme}://${request.headers.host ?? ''}`);
  const { method = 'GET', headers } = request;
  const target = url.pathname + url.search;
  const body = Buffer.concat(chunks).toString();
  return { host: url.host, secure, method, target, path: url.pathname, query: url.searchParams, headers, body };
}

/** PEM texts. */
interface Identity {
  readonly ca: string;
  readonly key: string;
  readonly cert: string;
}

const identities = new Map<string, Promise<Identity>>();

/** Made once for the same hosts in a test file, since it takes longer than most of what is done with it. */
function identityOf(hosts: readonly string[]): Promise<Identity> {
  const names = [...new Set(hosts.map((host) => `DNS:${host.replace(/:\d+$/, '')}`))].toSorted();
  const made = identities.get(names.join()) ?? makeIdentity(names);
  identities.set(names.join(), made);
  return made;
}

async function makeIdentity(names: readonly string[]): Promise<Identity> {
  const authority = await createAuthority(await temporaryFolder(), 'Chartroom internet');
  const { certFile, keyFile } = await authority.sign('site', names);
  const [ca, key, cert] = await Promise.all(
    [authority.caFile, keyFile, certFile].map((file) => readFile(file, 'utf8')),
  );
  return { ca: ca ?? '', key: key ?? '', cert: cert ?? '' };
}
