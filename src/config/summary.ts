import type { Config, ListenAddress, StoreConfig, UpstreamConfig } from './config.ts';
import { formatDuration } from './units.ts';

/** A configuration in words, without secrets. */
export interface ConfigSummary {
  readonly file: string;
  /** What is not an upstream, as pairs of a label and a value. */
  readonly settings: readonly (readonly [label: string, value: string])[];
  readonly upstreams: readonly UpstreamSummary[];
}

/** One upstream in words. */
export interface UpstreamSummary {
  readonly name: string;
  readonly type: string;
  /** Without its query, which may hold a secret. */
  readonly url: string;
  readonly interval: string;
  readonly mirror: string;
  readonly charts: string;
  readonly auth: string;
}

/** Says what a configuration configures, for people. */
export function summarize(config: Config): ConfigSummary {
  const { server, store, log } = config;
  return {
    file: config.file,
    settings: [
      ['listen', `${formatAddress(server.listen)} (${server.tls ? 'HTTPS' : 'HTTP'})`],
      ['operations', server.operations === 'same' ? 'same' : formatAddress(server.operations)],
      ['admin token', server.adminToken ? 'set' : 'none: what changes something is refused'],
      ['store', describeStore(store)],
      ['log', `${log.level}, ${log.format ?? 'pretty on a terminal, else json'}`],
    ],
    upstreams: config.upstreams.map(summarizeUpstream),
  };
}

/** An address as it is written: `127.0.0.1:8080`, `[::1]:8080`. */
export function formatAddress({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A url without its query, which may hold a secret. User info it has none. */
export function publicUrl(url: string): string {
  return url.replace(/\?.*$/s, '');
}

function describeStore(store: StoreConfig): string {
  if (store.kind === 'filesystem') return `folder ${store.path}`;
  return `bucket ${store.bucket} at ${store.endpoint ?? `AWS ${store.region}`}${store.prefix && `, below ${store.prefix}`}`;
}

function summarizeUpstream(upstream: UpstreamConfig): UpstreamSummary {
  const { name, type, url, mirror, charts } = upstream;
  return {
    name,
    type,
    url: publicUrl(url),
    interval: describeSchedule(upstream),
    mirror: typeof mirror === 'string' ? mirror : `newest ${mirror.newest}`,
    charts: charts.length === 0 ? 'the url itself, or what is asked for' : charts.join(', '),
    auth: type !== 'folder' && upstream.auth ? 'user name and password' : 'none',
  };
}

function describeSchedule({ retired, intervalMs }: UpstreamConfig): string {
  if (retired) return 'retired';
  return intervalMs === 0 ? 'by hand' : formatDuration(intervalMs);
}
