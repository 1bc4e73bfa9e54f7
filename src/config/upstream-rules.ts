import { authKindAt, checkAuth, checkAuthFits, isAuthFor } from './auth.ts';
import { checkPartners } from './partners.ts';
import { describeValue, formatPath, type OptionPath } from './problem.ts';
import type { OptionTree } from './tree.ts';
import { isLoopback, type Place, readPlace, type Refusal, type UpstreamType, upstreamTypes } from './upstream-url.ts';

/** What the options of one upstream, or of `defaults`, say together, whatever the upstream is. */
export function checkAccess(tree: OptionTree, path: OptionPath): void {
  checkAuth(tree, [...path, 'auth']);
  const tls = [...path, 'tls'];
  checkPartners(tree, tls, { certFile: ['keyFile'], keyFile: ['certFile'] });
  if (tree.at(...tls, 'insecureSkipTLSVerify') !== true) return;
  const doubt = 'certificates are not checked: anybody on the way can read and change everything, credentials included';
  tree.warn([...tls, 'insecureSkipTLSVerify'], doubt);
}

/** What the options of an upstream say together with its url and with the defaults. */
export function checkUpstream(tree: OptionTree, index: number): void {
  const place = placeAt(tree, index);
  if (!place) return;
  if ('option' in place) {
    const own = tree.at('upstreams', index, place.option) !== undefined;
    tree.report(own ? ['upstreams', index, place.option] : ['defaults', place.option], place.message);
    return;
  }
  if (place.doubt !== undefined) tree.warn(['upstreams', index, 'url'], place.doubt);
  checkCharts(tree, index, place.type);
  checkFitting(tree, index, place.type);
  checkAuthFits(tree, ['upstreams', index, 'auth'], place);
  checkExposure(tree, index, place);
}

/** What the url of an upstream means; undefined where that cannot be said because something is wrong already. */
function placeAt(tree: OptionTree, index: number): Place | Refusal | undefined {
  const url = tree.at('upstreams', index, 'url');
  const written = tree.at(...whereSaid(tree, index, 'type'));
  const type = upstreamTypes.find((known) => known === written);
  if (typeof url !== 'string' || url === '' || (written !== undefined && !type)) return undefined;
  return readPlace(url, type);
}

/** Reports variables of the environment that are no proxies, where they would stand in for what an upstream leaves out. */
export function checkProxyVariables(tree: OptionTree, count: number, invalid: readonly string[]): void {
  if (invalid.length === 0) return;
  for (let index = 0; index < count; index += 1) {
    const place = placeAt(tree, index);
    if (!place || 'option' in place || place.type === 'folder') continue;
    const own = ['upstreams', index, 'proxy'];
    // one that is written and wrong is a problem of its own
    if ([own, ['defaults', 'proxy']].some((path) => tree.at(...path) !== undefined || tree.wasReported(path))) continue;
    const found = `in the environment ${invalid.join(' and ')} ${invalid.length > 1 ? 'are no addresses' : 'is no address'}`;
    tree.report(own, `${found} of a proxy; expected http://host:port or https://host:port`);
    return;
  }
}

/** Where an option is that an upstream says itself, or else the defaults. */
function whereSaid(tree: OptionTree, index: number, option: string): OptionPath {
  const own = ['upstreams', index, option];
  return tree.at(...own) === undefined ? ['defaults', option] : own;
}

/** What a registry offers is said by name unless it lists its charts itself, and only there names have paths. */
function checkCharts(tree: OptionTree, index: number, type: UpstreamType): void {
  const path = whereSaid(tree, index, 'charts');
  const charts = tree.at(...path);
  if (!Array.isArray(charts)) return;
  const browsed = type !== 'registry' || tree.at(...whereSaid(tree, index, 'discover')) === true;
  const whose = path[0] === 'defaults' ? formatPath(['upstreams', index]) : 'this upstream';
  for (const [at, chart] of charts.entries()) {
    if (typeof chart !== 'string') continue;
    const found = `found ${describeValue(chart)}`;
    if (type !== 'registry' && chart.includes('/')) {
      tree.report([...path, at], `${found}; expected a chart name or a glob: only in a registry has a name a path`);
    } else if (!browsed && /[*?[\]{}!,]/.test(chart)) {
      const message = `${found}, but ${whose} is a registry, which is not browsed; expected plain chart names, or discover: true`;
      tree.report([...path, at], message);
    }
  }
}

/** What an upstream cannot use: a folder has no network, a registry no index, and so on. */
const unfit: Readonly<Record<UpstreamType, readonly string[]>> = {
  'chart-repository': ['discover', 'endpoint'],
  registry: ['maxIndexBytes', 'endpoint'],
  bucket: ['discover', 'plainHTTP', 'passCredentials'],
  folder: [
    'auth',
    'tls',
    'plainHTTP',
    'archiveHosts',
    'passCredentials',
    'allowPrivateNetwork',
    'proxy',
    'endpoint',
    'discover',
    'timeout',
    'retries',
    'requestsPerSecond',
    'maxIndexBytes',
  ],
};

function checkFitting(tree: OptionTree, index: number, type: UpstreamType): void {
  for (const option of unfit[type]) {
    // what is switched off fits everywhere
    const value = tree.at('upstreams', index, option);
    if (value === undefined || value === false) continue;
    tree.report(['upstreams', index, option], `a ${type} has no use for this option; leave it out`);
  }
}

function checkExposure(tree: OptionTree, index: number, place: Place): void {
  const kind = authKindAt(tree, whereSaid(tree, index, 'auth'));
  if (kind === undefined || !isAuthFor(kind, place)) {
    if (place.url.includes('?')) warnExposed(tree, ['upstreams', index, 'url'], place.url, 'what stands behind "?" is');
    return;
  }
  const plain = tree.at(...whereSaid(tree, index, 'plainHTTP'));
  if (place.type === 'bucket') {
    warnExposed(tree, ['upstreams', index, 'endpoint'], tree.at('upstreams', index, 'endpoint'));
  } else {
    warnExposed(tree, ['upstreams', index, 'url'], plain === true ? place.url.replace(/^oci:/, 'http:') : place.url);
  }
  const others = whereSaid(tree, index, 'passCredentials');
  const origins = tree.at(...others);
  if (!Array.isArray(origins)) return;
  for (const [at, origin] of origins.entries()) warnExposed(tree, [...others, at], origin);
}

/** Warns where credentials for a url would travel in clear text to another machine. */
export function warnExposed(tree: OptionTree, path: OptionPath, url: unknown, what = 'the credentials are'): void {
  const parsed = typeof url === 'string' ? URL.parse(url) : null;
  if (parsed?.protocol !== 'http:' || isLoopback(parsed.hostname)) return;
  tree.warn(path, `${what} sent to ${parsed.host} without TLS, where others can read them`);
}
