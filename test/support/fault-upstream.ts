import { createServer, STATUS_CODES, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';

import { onTestFinished } from 'vitest';

/** One answer, told in every detail that can go wrong. Unset fields are as a healthy server has them. */
export interface Script {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** `length` sends Content-Length, `chunked` chunks, `close` ends the body with the connection. */
  readonly framing?: 'length' | 'chunked' | 'close';
  /** The connection ends after this many bytes of the body. */
  readonly cutAt?: number;
  /** Nothing of the answer is sent before this resolves. */
  readonly hold?: Promise<void>;
  /** After half of the body nothing more is sent before this resolves. */
  readonly holdBody?: Promise<void>;
  /** The connection is reset instead of answered. */
  readonly reset?: boolean;
  /** Sent as it is, instead of an answer; then the connection ends. */
  readonly raw?: string;
}

/** A request as it arrived. */
export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A server on loopback that answers as it is told. */
export interface FaultUpstream {
  readonly origin: string;
  /** Every request so far, in order of arrival. */
  readonly requests: readonly SeenRequest[];
  /** What a path is answered with: several scripts in turn, the last of them for ever. */
  on(path: string, ...answers: readonly Answer[]): void;
  /** What every path is answered with, whatever else was said; undefined takes it back. */
  all(answer: Answer | undefined): void;
  /** What every answer says beside its own headers. */
  alwaysSay(headers: Readonly<Record<string, string>>): void;
  /** What becomes of every answer just before it is sent; undefined takes it back. */
  distort(change: ((answer: Script, request: SeenRequest) => Script) | undefined): void;
  /** Takes back what `on` said of a path. */
  off(path: string): void;
  /** How many requests a path got. */
  count(path: string): number;
  url(path: string): URL;
  /** With TLS: what it shows from the next connection on. Those there are end. */
  present(tls: SecureContextOptions): void;
  /** Ends it, for those who start one outside of a test. */
  close(): Promise<void>;
}

/** A script, or what makes one of a request. */
export type Answer = Script | ((request: SeenRequest) => Script);

export interface FaultUpstreamOptions {
  readonly tls?: { readonly key: string; readonly cert: string };
  /** What a path without a script is answered with: 404 when absent. */
  readonly otherwise?: Answer;
}

const asItIs = (answer: Script): Script => answer;
const notHere: Script = { status: 404, body: 'not here' };

/** Starts one; it ends with the test that asked for it. Whoever starts one outside of a test closes it. */
export async function faultUpstream(options: FaultUpstreamOptions = {}): Promise<FaultUpstream> {
  const requests: SeenRequest[] = [];
  const scripts = new Map<string, Answer[]>();
  let always: Answer | undefined;
  let said: Readonly<Record<string, string>> = {};
  let distorted: (answer: Script, request: SeenRequest) => Script = asItIs;
  const handle = async (request: IncomingMessage): Promise<void> => {
    const seen = await seenRequest(request);
    requests.push(seen);
    const queue = always ? [always] : (scripts.get(pathOf(seen)) ?? [options.otherwise ?? notHere]);
    const script = queue.length > 1 ? queue.shift() : queue[0];
    const answer = (typeof script === 'function' ? script(seen) : script) ?? {};
    await play(request, distorted({ ...answer, headers: { ...said, ...answer.headers } }, seen));
  };
  const listener = (request: IncomingMessage): void => void handle(request).catch(() => request.socket.destroy());
  const tlsServer = options.tls && createTlsServer(options.tls, listener);
  const server = tlsServer ?? createServer(listener);
  const port = await listen(server);
  const origin = `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`;
  return {
    origin,
    requests,
    on: (path, ...answers) => void scripts.set(path, [...answers]),
    all: (answer) => {
      always = answer;
    },
    alwaysSay: (headers) => {
      said = headers;
    },
    distort: (change = asItIs) => {
      distorted = change;
    },
    off: (path) => void scripts.delete(path),
    count: (path) => requests.filter((request) => pathOf(request) === path).length,
    url: (path) => new URL(path, origin),
    present: (tls) => {
      tlsServer?.setSecureContext(tls);
      server.closeAllConnections();
    },
    close: () => closed(server),
  };
}

/** Listens on a port that the system picks, and closes with everything connected when the test is over. */
export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endWithTest(() => closed(server));
  return (server.address() as AddressInfo).port;
}

function endWithTest(end: () => Promise<void>): void {
  try {
    onTestFinished(end);
  } catch {
    // there is no test: whoever started it closes it
  }
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  if (server.listening) await new Promise((resolve) => server.close(resolve));
}

async function seenRequest(request: IncomingMessage): Promise<SeenRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { method = 'GET', url: target = '/', headers } = request;
  return { method, target, headers, body: Buffer.concat(chunks).toString() };
}

function pathOf(request: SeenRequest): string {
  return request.target.split('?')[0] ?? request.target;
}

/** Written to the socket by hand: a proper server would not make these mistakes. */
async function play({ socket, method }: IncomingMessage, script: Script): Promise<void> {
  await script.hold;
  if (script.reset) socket.resetAndDestroy();
  else if (script.raw !== undefined) socket.end(script.raw);
  else if (method === 'HEAD') socket.write(headOf(script));
  else await playBody(socket, script);
}

async function playBody(socket: Socket, script: Script): Promise<void> {
  const body = bytesOf(script);
  const cut = script.cutAt !== undefined;
  const end = Math.min(script.cutAt ?? body.length, body.length);
  const middle = script.holdBody ? Math.floor(end / 2) : end;
  socket.write(headOf(script));
  writePart(socket, script, body.subarray(0, middle));
  await script.holdBody;
  writePart(socket, script, body.subarray(middle, end));
  if (script.framing === 'chunked' && !cut) socket.write('0\r\n\r\n');
  if (cut || script.framing === 'close') socket.end();
}

function bytesOf({ body = '' }: Script): Buffer {
  return Buffer.from(body);
}

function headOf(script: Script): string {
  const { status = 200, framing = 'length' } = script;
  const framingHeader = {
    length: { 'content-length': String(bytesOf(script).length) },
    chunked: { 'transfer-encoding': 'chunked' },
    close: { connection: 'close' },
  }[framing];
  const bodiless = status === 304 || status === 204;
  const headers = Object.entries({ ...(!bodiless && framingHeader), ...script.headers });
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n${lines}\r\n`;
}

function writePart(socket: Socket, script: Script, part: Buffer): void {
  if (part.length === 0) return;
  socket.write(script.framing === 'chunked' ? Buffer.concat([chunkHead(part), part, Buffer.from('\r\n')]) : part);
}

function chunkHead(part: Buffer): Buffer {
  return Buffer.from(`${part.length.toString(16)}\r\n`);
}
