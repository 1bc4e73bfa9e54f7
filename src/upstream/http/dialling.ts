import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import type { LookupFunction, Socket } from 'node:net';
import type { SecureContext } from 'node:tls';

import { Agent, buildConnector, Client, type Dispatcher } from 'undici';

import { Fault } from '../../chart/fault.ts';
import { isInside, isInsideAddress, isMetadata } from './addresses.ts';
import { connectTimeoutMs, faultOfError, faultOfProxy, portOf } from './faults.ts';
import { proxyFor, type ProxyServer, type ProxySettings } from './proxy.ts';
import { isTrusted, mayBePrivate, type Reach } from './reach.ts';
import { SecureContexts, Tls, type TlsSettings } from './tls.ts';

/** What decides where connections of one upstream may go, which way, and what they are secured with. */
export interface DiallingOptions {
  /** The upstream's name: every message starts with it. */
  readonly upstream: string;
  readonly reach: Reach;
  readonly tls: TlsSettings;
  readonly proxy: ProxySettings;
  /** Sockets to one host at most. */
  readonly connections: number;
  /** A proxy has as long to open a way. */
  readonly timeoutMs: number;
  /** Who is asked for addresses: the system when absent. */
  readonly lookup?: LookupFunction | undefined;
  /** Shared by all clients of the process; of its own when absent. */
  readonly contexts?: SecureContexts | undefined;
}

/** How one request leaves. */
export interface Way {
  readonly dispatcher: Dispatcher;
  /** What to send: `Dispatcher.RequestOptions`. */
  readonly target: { readonly origin: string; readonly path: string; readonly servername?: string };
  readonly headers: Readonly<Record<string, string>>;
  /** `host:port` of the proxy that is asked in the target's place. */
  readonly via?: string;
}

/** Silence within a body for longer than this ends it, whatever the deadline. */
const silenceMs = 30_000;

/** The connections of one upstream. No address is connected to but one that was checked, after DNS. */
export class Dialling {
  readonly #options: DiallingOptions;
  readonly #tls: Tls;
  readonly #proxyTls: Tls;
  readonly #bare: Agent;
  /** For origins that see our certificate. */
  readonly #presenting: Agent;
  /** Connections to proxies that are told the whole url. */
  readonly #forward: Agent;
  readonly #closing = new AbortController();

  constructor(options: DiallingOptions) {
    const { upstream, tls, contexts = new SecureContexts() } = options;
    this.#options = options;
    this.#tls = new Tls(upstream, tls, contexts);
    this.#proxyTls = new Tls(upstream, { caFile: tls.caFile }, contexts);
    this.#bare = this.#agent((origin) => this.#connect(origin, false));
    this.#presenting = tls.certFile === undefined ? this.#bare : this.#agent((origin) => this.#connect(origin, true));
    this.#forward = this.#agent((proxy) => this.#connectToProxy(proxy));
  }

  /**
   * How a request to `url` leaves, `trusted` unless a redirect led there from a place without our trust. Faults with
   * 'upstream-failed' for an address inside where the upstream may not lead us.
   */
  async wayTo(url: URL, trusted: boolean): Promise<Way> {
    const { upstream, reach, proxy } = this.#options;
    if (isInside(url.hostname) && !mayBePrivate(reach, url)) throw notDialled(upstream, url);
    const path = url.pathname + url.search;
    // TLS goes through a proxy as a tunnel, which is a matter of connecting
    const forward = url.protocol === 'http:' ? await proxyFor(upstream, proxy, url) : undefined;
    if (!forward) {
      const dispatcher = trusted && isTrusted(reach, url) ? this.#presenting : this.#bare;
      return { dispatcher, target: { origin: url.origin, path }, headers: {} };
    }
    const { origin, hostname } = forward.url;
    return {
      dispatcher: this.#forward,
      // undici connects again for each host otherwise
      target: { origin, path: url.origin + path, servername: hostname },
      headers: { ...forward.headers, host: url.host },
      via: portOf(forward.url),
    };
  }

  /** Ends every connection, also those that are not there yet. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([this.#bare.destroy(), this.#presenting.destroy(), this.#forward.destroy()]);
  }

  #agent(connect: (options: buildConnector.Options) => Promise<Socket>): Agent {
    const { connections, timeoutMs } = this.#options;
    return new Agent({
      connections,
      pipelining: 1,
      // the deadline bounds the wait for the head
      headersTimeout: 0,
      bodyTimeout: Math.min(silenceMs, timeoutMs),
      allowH2: false,
      connect: connectorOf(connect),
    });
  }

  async #connect(options: buildConnector.Options, presenting: boolean): Promise<Socket> {
    const { upstream, reach, proxy, tls, lookup = systemLookup } = this.#options;
    const url = new URL(`${options.protocol}//${options.host ?? ''}`);
    const guarded = mayBePrivate(reach, url) ? lookup : publicOnly(lookup, upstream, url);
    if (url.protocol === 'http:') return await dial({ lookup: guarded }, options);
    const secureContext = await this.#tls.context(presenting);
    const server = await proxyFor(upstream, proxy, url);
    const httpSocket = server && (await this.#tunnel(server, url));
    const secured = { lookup: guarded, secureContext, rejectUnauthorized: !tls.insecureSkipTLSVerify };
    return await dial(secured, { ...options, ...(httpSocket && { httpSocket }) });
  }

  /** The operator chose the proxy: it may be anywhere. It never sees our certificate. */
  async #connectToProxy({ hostname, host = hostname, protocol, port }: buildConnector.Options): Promise<Socket> {
    const { lookup = systemLookup } = this.#options;
    const secureContext = protocol === 'https:' && (await this.#proxyTls.context(false));
    const secured = secureContext && { secureContext, rejectUnauthorized: true };
    return await dial({ lookup, ...secured }, { hostname, host, protocol, port });
  }

  /** Opens a way through a proxy with CONNECT (RFC 9110, 9.3.6). */
  async #tunnel(proxy: ProxyServer, target: URL): Promise<Socket> {
    const { upstream, timeoutMs, tls } = this.#options;
    const [authority, via] = [portOf(target), portOf(proxy.url)];
    const connect = connectorOf((options) => this.#connectToProxy(options));
    const client = new Client(proxy.url, { connect, headersTimeout: timeoutMs, allowH2: false });
    try {
      const headers = { ...proxy.headers, host: authority };
      const { statusCode, socket } = await client.connect({ path: authority, headers, signal: this.#closing.signal });
      // TLS hears of its end; an error event without a listener would end the process
      socket.on('error', () => undefined);
      if (statusCode >= 200 && statusCode < 300) return socket as Socket;
      socket.destroy();
      throw faultOfProxy(upstream, via, target, statusCode);
    } catch (error) {
      const known = {
        upstream,
        method: 'CONNECT',
        url: target,
        via,
        timeoutMs,
        ownAuthorities: tls.caFile !== undefined,
      };
      throw faultOfError({ ...known, expired: false, answered: false }, error);
    } finally {
      client.destroy(() => undefined);
    }
  }
}

function connectorOf(connect: (options: buildConnector.Options) => Promise<Socket>): buildConnector.connector {
  return (options, callback) => {
    connect(options).then(
      (socket) => callback(null, socket),
      (error: unknown) => callback(error as Error, null),
    );
  };
}

interface Securing {
  readonly lookup: LookupFunction;
  readonly secureContext?: SecureContext;
  readonly rejectUnauthorized?: boolean;
}

/** Each connection is checked for itself: a TLS session that is resumed would not be. */
function dial(how: Securing, options: buildConnector.Options): Promise<Socket> {
  const connect = buildConnector({ ...how, timeout: connectTimeoutMs, allowH2: false, maxCachedSessions: 0 });
  return new Promise((resolve, reject) => {
    connect(options, (...[error, socket]) => {
      if (error) return reject(error);
      // a server that wants another certificate of ours says so after the handshake, and undici would tell of the end only
      socket.once('error', (reason) => socket.destroy(reason));
      resolve(socket);
    });
  });
}

/**
 * Finds public addresses only. One private address among them refuses the name as a whole: which one is connected to is
 * chance otherwise, and a public one beside it is how rebinding begins.
 */
function publicOnly(lookup: LookupFunction, upstream: string, url: URL): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, []);
      const all = found as readonly LookupAddress[];
      const inside = all.find(({ address }) => isInsideAddress(address));
      if (inside) return callback(notDialled(upstream, url, inside.address), []);
      const [first] = all;
      if (options.all || !first) return callback(null, [...all]);
      callback(null, first.address, first.family);
    });
  };
}

function notDialled(upstream: string, url: URL, address?: string): Fault {
  const place = portOf(url);
  const what = address ? `has the private address ${address}` : 'is a private address';
  const advice = isMetadata(address ?? url.hostname)
    ? 'Look at who wrote that index or redirect; nothing there is a chart.'
    : `If it may be reached, name ${place} in archiveHosts, or set allowPrivateNetwork.`;
  const message = `${upstream}: it led to ${place}, which ${what} and is not dialled.`;
  return new Fault('upstream-failed', message, advice, { lasting: true });
}
