import type { VersionRules } from '../chart/ranges.ts';
import type { RepositoryRules } from '../chart/rules.ts';
import { publicPath } from '../lib/public-path.ts';
import type {
  AwsAuth,
  Config,
  ListenAddress,
  RemoteUpstreamConfig,
  RepositoryConfig,
  StoreConfig,
  UpstreamAuth,
  UpstreamConfig,
  VerifyConfig,
} from './config.ts';
import { formatDuration } from './units.ts';

/** A configuration in words, without secrets. */
export interface ConfigSummary {
  readonly file: string;
  /** What is neither an upstream nor a repository, as pairs of a label and a value. */
  readonly settings: readonly (readonly [label: string, value: string])[];
  readonly upstreams: readonly UpstreamSummary[];
  readonly repositories: readonly RepositorySummary[];
}

/** One repository in words. */
export interface RepositorySummary {
  readonly name: string;
  /** Its paths, the shortest first: `/, /stable/`. */
  readonly answersAt: string;
  /** In the order that is their precedence. */
  readonly upstreams: string;
  /** What differs from offering everything; `none` when nothing does. */
  readonly rules: string;
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
  /** How provenance is checked; `none` where it is not. */
  readonly verify: string;
}

/** Says what a configuration configures, for people. */
export function summarize(config: Config): ConfigSummary {
  const { server, store, log } = config;
  return {
    file: config.file,
    settings: [
      ['listen', `${formatAddress(server.listen)} (${server.tls ? 'HTTPS' : 'HTTP'})`],
      ['operations', server.operations === 'same' ? 'same' : formatAddress(server.operations)],
      ['public url', server.publicUrl ?? 'none: the address that was asked'],
      ['admin token', server.adminToken ? 'set' : 'none: what changes something is refused'],
      ['store', describeStore(store)],
      ['log', `${log.level}, ${log.format ?? 'pretty on a terminal, else json'}`],
    ],
    upstreams: config.upstreams.map(summarizeUpstream),
    repositories: config.repositories.map(summarizeRepository),
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
  const { name, type, url, mirror, charts, versions } = upstream;
  const named = charts.length === 0 ? 'the url itself, or what is asked for' : charts.join(', ');
  return {
    name,
    type,
    url: publicUrl(url),
    interval: describeSchedule(upstream),
    mirror: typeof mirror === 'string' ? mirror : `newest ${mirror.newest}`,
    charts: [named, ...describeVersions(versions)].join('; '),
    auth: type === 'folder' ? 'none' : describeAccess(upstream),
    verify: upstream.verify ? describeVerify(upstream.verify) : 'none',
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

function describeVerify({ mode, keyring: { count } }: VerifyConfig): string {
  if (!count) return mode;
  return `${mode}, ${count.keys === 1 ? '1 key' : `${count.keys} keys`}`;
}

function describeSchedule({ retired, intervalMs }: UpstreamConfig): string {
  if (retired) return 'retired';
  return intervalMs === 0 ? 'by hand' : formatDuration(intervalMs);
}

function summarizeRepository({ name, root, upstreams, rules }: RepositoryConfig): RepositorySummary {
  return {
    name,
    answersAt: root ? `/, /${name}/` : `/${name}/`,
    upstreams: upstreams.join(', '),
    rules: describeRules(rules).join('; ') || 'none',
  };
}

function describeRules(rules: RepositoryRules): readonly string[] {
  const { overlap, owners, deny, charts, versions, prereleases, deprecated, listNewest, cooldownMs } = rules;
  return [
    ...(overlap === 'merge' ? ['merge'] : []),
    ...(owners.length === 0 ? [] : [few(owners.map(([chart, upstream]) => `${chart} from ${upstream} alone`))]),
    ...(deny.length === 0 ? [] : [`denies ${few(deny.map(({ text }) => text.replace(/(@sha256:.{12}).*$/, '$1…')))}`]),
    ...(charts.every((pattern) => pattern === '*') ? [] : [`charts ${few(charts)}`]),
    ...describeVersions(versions),
    ...(prereleases ? [] : ['no prereleases']),
    ...(deprecated ? [] : ['nothing deprecated']),
    ...(listNewest === undefined ? [] : [`lists the newest ${listNewest}`]),
    ...(cooldownMs === 0 ? [] : [`cooldown ${formatDuration(cooldownMs)}`]),
  ];
}

function describeVersions(versions: VersionRules): readonly string[] {
  const limits = versions.filter(([, range]) => range !== '*');
  const words = limits.map(([chart, range]) => (chart === '*' ? range : `${chart} ${range}`));
  return words.length === 0 ? [] : [`versions ${few(words)}`];
}

/** What fits in a cell of a table. */
function few(words: readonly string[]): string {
  return words.length <= 3 ? words.join(', ') : `${words.slice(0, 3).join(', ')} and ${words.length - 3} more`;
}
