import { formatPath, shorten } from './problem.ts';
import { defaultListen } from './schema.ts';
import type { OptionTree } from './tree.ts';
import { isLoopback, type Place, readPlace, type UpstreamType, upstreamTypes } from './upstream-url.ts';

/** What options say together: rules that no option can check alone. They hold, too, where other options are wrong. */
export function reportRules(tree: OptionTree): void {
  checkServer(tree);
  checkStore(tree);
  const upstreams = tree.at('upstreams');
  if (!Array.isArray(upstreams)) return;
  checkNames(tree, upstreams.length);
  for (const index of upstreams.keys()) checkUpstream(tree, index);
  checkShrink(tree, upstreams.length);
}

function checkServer(tree: OptionTree): void {
  const operations = tree.at('server', 'operations');
  const listen = tree.at('server', 'listen') ?? defaultListen;
  if (operations === listen && !String(operations).endsWith(':0')) {
    tree.report(['server', 'operations'], 'found the address of server.listen; expected same, or another address');
  }
}

function checkStore(tree: OptionTree): void {
  const store = tree.at('store');
  if (typeof store !== 'object' || store === null) return;
  const kinds = Object.keys(store);
  if (kinds.length > 1) tree.report(['store'], 'found both filesystem and s3; expected one of them');
  if (kinds.length === 0) tree.report(['store'], 'found neither filesystem nor s3; expected one of them');
  const id = tree.at('store', 's3', 'accessKeyId');
  const secret = tree.at('store', 's3', 'secretAccessKey');
  const s3 = ['store', 's3'];
  if (id !== undefined && secret === undefined) {
    tree.reportMissing([...s3, 'secretAccessKey'], 'it is missing beside accessKeyId; expected both or neither');
  }
  if (id === undefined && secret !== undefined) {
    tree.reportMissing([...s3, 'accessKeyId'], 'it is missing beside secretAccessKey; expected both or neither');
  }
  if (id !== undefined) warnExposed(tree, [...s3, 'endpoint'], tree.at('store', 's3', 'endpoint'));
}

function checkNames(tree: OptionTree, count: number): void {
  const first = new Map<string, number>();
  for (let index = 0; index < count; index += 1) {
    const name = tree.at('upstreams', index, 'name');
    if (typeof name !== 'string') continue;
    const earlier = first.get(name);
    if (earlier === undefined) {
      first.set(name, index);
      continue;
    }
    const { line } = tree.position(['upstreams', earlier, 'name']);
    const message = `the name ${JSON.stringify(shorten(name))} is taken by ${formatPath(['upstreams', earlier])} in line ${line}; expected a name of its own`;
    tree.report(['upstreams', index, 'name'], message);
  }
}

function checkUpstream(tree: OptionTree, index: number): void {
  const url = tree.at('upstreams', index, 'url');
  const written = tree.at('upstreams', index, 'type') ?? tree.at('defaults', 'type');
  const type = upstreamTypes.find((known) => known === written);
  if (typeof url !== 'string' || url === '' || (written !== undefined && !type && written !== 'bucket')) return;
  const place = readPlace(url, type);
  if ('option' in place) {
    const own = tree.at('upstreams', index, place.option) !== undefined;
    tree.report(own ? ['upstreams', index, place.option] : ['defaults', place.option], place.message);
    return;
  }
  if (place.doubt !== undefined) tree.warn(['upstreams', index, 'url'], place.doubt);
  checkCharts(tree, index, place.type);
  checkFitting(tree, index, place.type);
  checkExposure(tree, index, place);
}

/** A registry cannot be browsed, so what it offers must be said by name. */
function checkCharts(tree: OptionTree, index: number, type: UpstreamType): void {
  const own = tree.at('upstreams', index, 'charts') !== undefined;
  const path = own ? ['upstreams', index, 'charts'] : ['defaults', 'charts'];
  const charts = tree.at(...path);
  if (type !== 'registry' || !Array.isArray(charts)) return;
  for (const [at, chart] of charts.entries()) {
    if (typeof chart !== 'string' || !/[*?[\]{}!,]/.test(chart)) continue;
    const whose = own ? 'this upstream' : formatPath(['upstreams', index]);
    const message = `found ${JSON.stringify(shorten(chart))}, but ${whose} is a registry, which cannot be browsed; expected plain chart names`;
    tree.report([...path, at], message);
  }
}

/** Options of the network mean nothing to a folder, and a registry has no index. */
const unfit: Readonly<Record<UpstreamType, readonly string[]>> = {
  'chart-repository': [],
  registry: ['maxIndexBytes'],
  folder: ['auth', 'plainHTTP', 'timeout', 'retries', 'requestsPerSecond', 'maxIndexBytes'],
};

function checkFitting(tree: OptionTree, index: number, type: UpstreamType): void {
  for (const option of unfit[type]) {
    if (tree.at('upstreams', index, option) === undefined) continue;
    tree.report(['upstreams', index, option], `a ${type} has no use for this option; leave it out`);
  }
}

/** What is kept cannot shrink, so a guard against that is probably meant for something else. */
function checkShrink(tree: OptionTree, count: number): void {
  const upstreams = Array.from({ length: count }, (_, index) => ['upstreams', index]);
  const keeping = upstreams.filter(
    (path) => (tree.at(...path, 'withdrawn') ?? tree.at('defaults', 'withdrawn')) !== 'drop',
  );
  const idle = keeping.length === count ? [['defaults'], ...keeping] : keeping;
  for (const path of idle) {
    if (tree.at(...path, 'maxShrink') === undefined) continue;
    tree.warn(
      [...path, 'maxShrink'],
      'it does nothing where withdrawn versions are kept; write withdrawn: drop, or leave it out',
    );
  }
}

function checkExposure(tree: OptionTree, index: number, place: Place): void {
  const auth = tree.at('upstreams', index, 'auth') ?? tree.at('defaults', 'auth');
  const plain = tree.at('upstreams', index, 'plainHTTP') ?? tree.at('defaults', 'plainHTTP');
  if (auth === undefined || place.type === 'folder') return;
  const url = plain === true ? place.url.replace(/^oci:/, 'http:') : place.url;
  warnExposed(tree, ['upstreams', index, 'url'], url);
}

function warnExposed(tree: OptionTree, path: readonly (string | number)[], url: unknown): void {
  const parsed = typeof url === 'string' ? URL.parse(url) : null;
  if (parsed?.protocol !== 'http:' || isLoopback(parsed.hostname)) return;
  tree.warn(path, `the credentials are sent to ${parsed.host} without TLS, where others can read them`);
}
