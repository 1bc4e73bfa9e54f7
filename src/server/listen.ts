import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { createSecureContext, type SecureContextOptions } from 'node:tls';

import { Fault } from '../chart/fault.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { Exchange } from './exchange.ts';
import { promisedBody, refuse, type Receive } from './receive.ts';

/** Where to listen. Port 0 lets the system choose one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Certificate chain and key, both PEM. */
export interface ServerTls {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

export interface ListenOptions {
  readonly at: ListenAddress;
  /** The option that says where, for messages. */
  readonly option: 'server.listen' | 'server.operations';
  readonly tls?: ServerTls | undefined;
  readonly maxConnections: number;
  readonly log: Log;
  readonly clock: Clock;
  /** Makes what takes the requests, which wants to know whether there are more connections than there may be. */
  readonly receive: (crowded: () => boolean) => Receive;
}

/** How to stop. */
export interface DrainTimes {
  /** After this long whoever is still connected is disconnected. */
  readonly graceMs: number;
  /** For this long new connections are still accepted, since news of the shutdown travels slowly. */
  readonly lingerMs: number;
}

/** One open port. */
export interface Listener {
  /** As it is in a URL: `host:port`, an IPv6 host in brackets. */
  readonly address: string;
  connections(): number;
  /**
   * Shows new connections another certificate. Throws 'unavailable', and goes on with the one it has, when that does not
   * work. Does nothing without TLS.
   */
  present(tls: ServerTls): void;
  /** Stops accepting, lets what is under way finish, and ends at the deadline whatever clients do. Never rejects. */
  drain(times: DrainTimes): Promise<void>;
}

/** One request after another may come over a connection for this long; more than the usual load balancer's 60 s. */
const timeouts = { keepAliveTimeout: 65_000, headersTimeout: 66_000, requestTimeout: 120_000 };

/** Between looks for connections that became idle while draining. */
const sweepMs = 100;

/** Beyond `maxConnections` a client is told so; beyond this many more it is disconnected. */
const toldConnections = 256;

/**
 * Opens a port for HTTP/1.1, with TLS when there is a certificate. Rejects with 'unavailable' when the port cannot be
 * had or the certificate does not work, saying what to do.
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { maxConnections, log, clock } = options;
  const server = openServer(options.tls);
  const sockets = trackSockets(server);
  server.maxConnections = maxConnections + toldConnections;
  server.on(
    'request',
    options.receive(() => sockets.size > maxConnections),
  );
  // Whoever waits for a "go on" before sending a body would send one that nobody reads.
  server.on('checkContinue', (incoming, outgoing) => refuse(incoming, outgoing, promisedBody));
  await bind(server, options);
  server.on('error', (error) => log.error({ err: error }, 'a listening socket failed'));
  return {
    address: formatAddress(server.address() as AddressInfo),
    connections: () => sockets.size,
    present: (tls) => {
      if (server instanceof TlsServer) server.setSecureContext(secureOptions(tls));
    },
    drain: (times) => drain(server, sockets, clock, times),
  };
}

type NotedServer = Server<typeof IncomingMessage, typeof Exchange>;

function openServer(tls: ServerTls | undefined): NotedServer {
  const options: ServerOptions<typeof IncomingMessage, typeof Exchange> = {
    ServerResponse: Exchange,
    optimizeEmptyRequests: true,
    ...timeouts,
  };
  if (!tls) return createServer(options);
  return createTlsServer({ ...options, ...secureOptions(tls) });
}

function secureOptions({ cert, key }: ServerTls): SecureContextOptions {
  const options = { cert, key, minVersion: 'TLSv1.2' } as const;
  try {
    createSecureContext(options);
    return options;
  } catch (error) {
    const message = `The TLS certificate and its key do not work together: ${(error as Error).message}.`;
    throw new Fault('unavailable', message, 'Check server.tls.certFile and server.tls.keyFile.', { cause: error });
  }
}

/** Every open socket, also those that are not yet, or not any more, within HTTP. */
function trackSockets(server: NotedServer): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}

async function bind(server: NotedServer, { at, option }: ListenOptions): Promise<void> {
  try {
    server.listen({ host: at.host, port: at.port });
    await once(server, 'listening');
  } catch (error) {
    throw bindFault(error as NodeJS.ErrnoException, at, option);
  }
}

const bindTroubles: Readonly<Record<string, readonly [what: string, advice: string]>> = {
  EADDRINUSE: ['something else listens there', 'Stop it, or choose another address in'],
  EACCES: ['this user may not', 'Choose a port of 1024 or more in'],
  EADDRNOTAVAIL: ['this machine does not have that address', 'Use one that it has, or 0.0.0.0, in'],
  ENOTFOUND: ['there is no such host', 'Use an address of this machine in'],
};

function bindFault(error: NodeJS.ErrnoException, { host, port }: ListenAddress, option: string): Fault {
  const [what, advice] = bindTroubles[error.code ?? ''] ?? [error.message, 'Check'];
  return new Fault('unavailable', `Cannot listen on ${host}:${port}: ${what}.`, `${advice} ${option}.`, {
    cause: error,
  });
}

function formatAddress({ address, family, port }: AddressInfo): string {
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}

async function drain(
  server: NotedServer,
  sockets: ReadonlySet<Socket>,
  clock: Clock,
  { graceMs, lingerMs }: DrainTimes,
): Promise<void> {
  const deadlineMs = clock.elapsed() + graceMs;
  if (lingerMs > 0) await clock.sleep(Math.min(lingerMs, graceMs));
  let open = true;
  const closed = new Promise<void>((resolve) => {
    server.close(() => {
      open = false;
      resolve();
    });
  });
  for (let leftMs = graceMs; open && leftMs > 0; leftMs = deadlineMs - clock.elapsed()) {
    await Promise.race([closed, clock.sleep(Math.min(sweepMs, leftMs))]);
    server.closeIdleConnections();
  }
  for (const socket of sockets) socket.destroy();
  await closed;
}
