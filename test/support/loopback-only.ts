import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import { Socket } from 'node:net';

/**
 * Runs before every test file: nothing in the test's process reaches beyond the loopback interface. Connecting to any
 * other address throws, and a host name other than `localhost` is answered `ENOTFOUND` without asking a name server.
 */

const loopback = /^(?:127(?:\.\d{1,3}){3}|::1|::ffff:127(?:\.\d{1,3}){3}|localhost)$/;
const address = /^(?:\d{1,3}(?:\.\d{1,3}){3}|.*:.*)$/;

interface Destination {
  readonly host?: string;
  readonly path?: string;
}

/** What `Socket.connect` was asked for, in any of its forms: options, port and host, path, or Node's own array. */
function destinationOf(args: readonly unknown[]): Destination {
  const [first, second] = args;
  if (Array.isArray(first)) return destinationOf(first as unknown[]);
  if (typeof first === 'object' && first !== null) return first;
  if (typeof first === 'string' && Number.isNaN(Number(first))) return { path: first };
  return typeof second === 'string' ? { host: second } : {};
}

function forbidden(host: string): Error {
  return new Error(`a test dialled ${host}: tests may connect to the loopback interface only`);
}

const connect = Reflect.get(Socket.prototype, 'connect') as (...args: unknown[]) => Socket;

function guardedConnect(this: Socket, ...args: unknown[]): Socket {
  const { host, path } = destinationOf(args);
  const isAddress = host !== undefined && address.test(host);
  if (path === undefined && isAddress && !loopback.test(host)) throw forbidden(host);
  this.once('lookup', (_error: unknown, found: string | undefined) => {
    if (found && !loopback.test(found)) this.destroy(forbidden(found));
  });
  return connect.apply(this, args);
}

Reflect.set(Socket.prototype, 'connect', guardedConnect);

function notFound(host: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`getaddrinfo ENOTFOUND ${host}`);
  return Object.assign(error, { code: 'ENOTFOUND', errno: -3008, syscall: 'getaddrinfo', hostname: host });
}

function mayAsk(host: string): boolean {
  return host === '' || host === 'localhost' || address.test(host);
}

const { lookup } = dns;
const lookupPromise = dns.promises.lookup;

function guardedLookup(host: string, ...rest: unknown[]): void {
  if (mayAsk(host)) return Reflect.apply(lookup, dns, [host, ...rest]) as void;
  const callback = rest.at(-1) as (error: Error) => void;
  process.nextTick(callback, notFound(host));
}

async function guardedLookupPromise(host: string, ...rest: unknown[]): Promise<unknown> {
  if (!mayAsk(host)) throw notFound(host);
  return Reflect.apply(lookupPromise, dns.promises, [host, ...rest]) as unknown;
}

Reflect.set(dns, 'lookup', guardedLookup);
Reflect.set(dns.promises, 'lookup', guardedLookupPromise);
syncBuiltinESMExports();
