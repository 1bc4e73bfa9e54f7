import { once } from 'node:events';
import { request, type Agent, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { Writable } from 'node:stream';

import { onTestFinished } from 'vitest';

import { readAll } from '../../src/lib/bytes.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { openLog } from '../../src/lib/log.ts';
import type { Secret } from '../../src/lib/secret.ts';
import { startServer, type RunningServer, type ServerStartOptions } from '../../src/server/start.ts';
import { FakeImages } from '../support/fake-images.ts';
import { FakeLibrary } from '../support/fake-library.ts';
import { FakeMirror } from '../support/fake-mirror.ts';

export interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly agent?: Agent;
  readonly operations?: boolean;
}

export interface OpenDoors {
  readonly mirror: FakeMirror;
  readonly library: FakeLibrary;
  readonly images: FakeImages;
  readonly server: RunningServer;
  readonly port: number;
  /** Everything logged so far. */
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  /** One request with the path exactly as it is written. */
  readonly ask: (path: string, asking?: Asking) => Promise<Answer>;
  /** A connection that is destroyed with the test. */
  readonly dial: () => Promise<Socket>;
  /** Writes bytes, and answers with all that came back before the connection ended. */
  readonly say: (bytes: string) => Promise<string>;
}

interface DoorsOptions {
  readonly level?: 'info' | 'warn';
  readonly adminToken?: Secret | undefined;
  readonly publicUrl?: string | undefined;
}

/** Opens the front doors over a fake mirror on a port of its own; they close with the test. */
export async function openDoors(
  options: Partial<Omit<ServerStartOptions, 'log' | 'adminToken' | 'publicUrl'>> & DoorsOptions = {},
): Promise<OpenDoors> {
  const mirror = new FakeMirror();
  const library = new FakeLibrary();
  const images = new FakeImages();
  const lines: Readonly<Record<string, unknown>>[] = [];
  const { level = 'warn', adminToken, publicUrl, ...rest } = options;
  const log = openLog({ level, format: 'json' }, lineCollector(lines));
  const server = await startServer({
    listen: { host: '127.0.0.1', port: 0 },
    operations: 'same',
    mirror,
    provenances: mirror,
    images,
    operator: mirror,
    telemetry: mirror,
    library,
    explainer: library,
    adminToken: () => adminToken,
    publicUrl: () => publicUrl,
    version: '0.0.1',
    clock: systemClock,
    lingerMs: 0,
    ...rest,
    log,
  });
  onTestFinished(() => server.drain(0));
  const port = portOf(server.address);
  const dial = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  return {
    mirror,
    library,
    images,
    server,
    port,
    lines,
    ask: (path, asking = {}) => ask(asking.operations ? portOf(server.operationsAddress) : port, path, asking),
    dial,
    say: async (bytes) => {
      const socket = await dial();
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
      socket.write(bytes, 'latin1');
      if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
      return text;
    },
  };
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}

async function ask(port: number, path: string, asking: Asking): Promise<Answer> {
  const { method = 'GET', headers = {}, body } = asking;
  const sent = request({ port, host: '127.0.0.1', path, method, headers, agent: asking.agent ?? false });
  sent.end(body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return {
    status: answer.statusCode ?? 0,
    reason: answer.statusMessage ?? '',
    headers: answer.headers,
    body: await readAll(answer, 1e9),
  };
}

function lineCollector(lines: Readonly<Record<string, unknown>>[]): Writable {
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      for (const line of chunk.toString().trimEnd().split('\n')) {
        lines.push(JSON.parse(line) as Record<string, unknown>);
      }
      done();
    },
  });
}

/** Waits, for as long as the test may, until something is so. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
