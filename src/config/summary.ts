import { publicPath } from '../lib/public-path.ts';
import type {
  AwsAuth,
  Config,
  ListenAddress,
  RemoteUpstreamConfig,
  StoreConfig,
  UpstreamAuth,
  UpstreamConfig,
} from './config.ts';
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

/** A url without what may be a secret in its path, and without its query. User info it has none. */
export function publicUrl(url: string): string {
  const parsed = URL.parse(url);
  return parsed ? `${parsed.protocol}//${parsed.host}${publicPath(parsed)}` : url.replace(/\?.*$/s, '');
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
    auth: type === 'folder' ? 'none' : describeAccess(upstream),
  };
}

/** Whether our certificate is shown to an upstream that asks for it: nobody does without TLS. */
export function showsCertificate(upstream: UpstreamConfig): boolean {
  if (upstream.type === 'folder' || upstream.tls.certFile === undefined) return false;
  if (upstream.type === 'registry') return !upstream.plainHTTP;
  return !((upstream.type === 'bucket' ? upstream.endpoint : upstream.url) ?? '').startsWith('http:');
}

function describeAccess(upstream: RemoteUpstreamConfig & UpstreamConfig): string {
  const { auth } = upstream;
  const shown = [...(auth ? [describeAuth(auth)] : []), ...(showsCertificate(upstream) ? ['client certificate'] : [])];
  return shown.join(', ') || 'none';
}

/** In the words that the credentials have for themselves, so that every table says the same. */
function describeAuth(auth: UpstreamAuth): string {
  switch (auth.kind) {
    case 'password':
      return 'user name and password';
    case 'token':
      return 'bearer token';
    case 'headers':
      return `own header ${Object.keys(auth.headers).join(', ')}`;
    case 'docker-config':
      return 'Docker config file';
    case 'aws':
      return describeAws(auth);
    case 'gcp':
      return auth.keyFile === undefined ? 'Google identity of the environment' : 'Google key file';
    case 'azure':
      return auth.clientSecret ? 'Azure application' : 'Azure identity of the environment';
  }
}

function describeAws({ keys, roleArn }: AwsAuth): string {
  const first = keys ? 'AWS keys' : 'AWS identity of the environment';
  return roleArn === undefined ? first : `${first}, role ${roleArn}`;
}

function describeSchedule({ retired, intervalMs }: UpstreamConfig): string {
  if (retired) return 'retired';
  return intervalMs === 0 ? 'by hand' : formatDuration(intervalMs);
}
