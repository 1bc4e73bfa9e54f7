/** One request that a registry must not fall for. */
export interface HostileCase {
  /** As it is written into the socket. */
  readonly target: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Every status it may have. */
  readonly statuses: readonly number[];
}

const digest = '0123456789abcdef'.repeat(4);
/** What the manifest of the chart that is there has for a digest. */
export const held = '{manifest}';
/** And its archive. */
export const heldBlob = '{layer}';

function refused(targets: readonly string[], statuses: readonly number[] = [400, 404]): readonly HostileCase[] {
  return targets.map((target) => ({ target, statuses }));
}

const names = [
  'A/B',
  'Nginx',
  'NGINX',
  'a//b',
  '/nginx',
  'nginx/',
  'n'.repeat(300),
  `${'n'.repeat(120)}/${'n'.repeat(300)}`,
  'a/b/c',
  Array.from({ length: 100 }, () => 'a').join('/'),
  '-nginx',
  'nginx-',
  '.nginx',
  'nginx.',
  '_nginx',
  'nginx_',
  'ngi..nx',
  'ngi___nx',
  'ngi.-nx',
  'all%2fnginx',
  'all%2Fnginx',
  'all%5cnginx',
  'all\\nginx',
  '%2fnginx',
  'nginx%00',
  'nginx%0a',
  'nginx%0d%0aSet-Cookie:%20a=b',
  'nginx%20',
  'nginx%e2%80%a8',
  'ngin%d1%85',
  'nginx%1b[31m',
  'nginx%ff',
  'nginx%',
  'nginx%zz',
  '%252e%252e',
  '%2e%2e%2fall',
  '..%2f..%2fetc%2fpasswd',
  '..%5c..%5cetc',
  '%c0%ae%c0%ae',
  '__proto__',
  'all/__proto__',
  'constructor',
  'all/constructor',
  'hasOwnProperty',
  'toString/valueOf',
  '*',
  '"nginx"',
  "nginx'--",
  'nginx;x',
  'nginx@sha256',
  'user:password@nginx',
  'v2/nginx',
  '_catalog',
  'other',
  'all/other',
  'nobody/nginx',
];

const tags = [
  'v'.repeat(129),
  'v'.repeat(4096),
  '-x',
  '.x',
  '1.2.3+build',
  '1.2.3%2Bbuild',
  '1.2.3%2bbuild',
  '1.2.3%00',
  '1.2.3%0a',
  '1.2.3%20',
  '1.2.3;x',
  '1.2.3@sha256',
  '1.2.3%2f..%2f1.2.3',
  '1.2.3%5c',
  '1.2.3%ff',
  '1.2.3%',
  '1.2.3%25',
  '%e2%80%8b1.2.3',
  '1.2.3"',
  '1.2.3<script>',
  '{manifest}1',
  '*',
  '$',
  '__proto__',
  'constructor',
  'latest',
  '1.2',
  '1.2.3-',
  '9.9.9',
  'sha256-' + digest + '.sig',
];

const digests = [
  'sha256:baddigeststring',
  'sha256:',
  ':',
  `:${digest}`,
  `sha256:${digest.slice(1)}`,
  `sha256:${digest}0`,
  `sha256:${digest.toUpperCase()}`,
  `SHA256:${digest}`,
  `sha256:${digest.replace('0', 'g')}`,
  `sha256::${digest}`,
  `sha256:sha256:${digest}`,
  `sha256%3a${digest.slice(1)}`,
  `sha256:${digest}%00`,
  `sha256:${digest}%0a`,
  `sha256:%20${digest}`,
  `sha256:..%2f..%2f${digest.slice(6)}`,
  `sha256:${'%61'.repeat(64)}%2f`,
  `md5:${digest.slice(32)}`,
  `sha1:${digest.slice(24)}`,
  `sha384:${digest}${digest.slice(32)}`,
  `sha512:${digest}`,
  `sha512:${digest}${digest.toUpperCase()}`,
  `sha512:${digest}${digest}`,
  `blake3:${digest}`,
  `tarsum+sha256:${digest}`,
  `__proto__:${digest}`,
  `sha256:${'0'.repeat(8000)}`,
  `sha256:${digest}`,
];

const outsideOfNames = [
  '/v2/%2e%2e/index.yaml',
  '/v2/../index.yaml',
  '/v2/./nginx/manifests/1.2.3',
  '/v2/nginx/manifests/..',
  '/v2/nginx/manifests/../manifests/1.2.3',
  '/v2/nginx/blobs/%2e%2e/manifests/1.2.3',
  '/v2//',
  '/v2/nginx/manifests//1.2.3',
  '/v2/nginx/manifests/1.2.3/',
  '/v2/nginx/manifests/',
  '/v2/nginx/blobs/',
  '/v2/nginx/referrers/',
  '/v2/nginx/tags/',
  '/v2/nginx/tags/list/',
  '/v2/nginx/tags/LIST',
  '/v2/nginx/MANIFESTS/1.2.3',
  '/v2/nginx/__proto__/1.2.3',
  '/v2/nginx/constructor/1.2.3',
  '/v2/nginx/toString/1.2.3',
  '/v2/nginx/blobs/uploads/',
  '/v2/_catalog/',
  '/v2/_catalog/x',
  '/v2/_CATALOG',
  '/v2/_oci/ext/discover',
  '/v2/%5fcatalog%2f',
  '/v2/%',
  '/v2/%ff',
  '/v2/%00',
  '/v2/index.yaml',
  '/v2/charts/nginx/nginx-1.2.3.tgz',
  '/v2/all/charts/nginx/nginx-1.2.3.tgz',
];

const ownForm = 'application/vnd.oci.image.manifest.v1+json';

/** What the range, `Accept` and paging may be, that a registry answers all the same, or refuses in its own words. */
const answered: readonly HostileCase[] = [
  ...['0', '1000000', '1000', '9007199254740991'].flatMap((n) =>
    ['/v2/_catalog', '/v2/nginx/tags/list'].map((path) => ({ target: `${path}?n=${n}`, statuses: [200] })),
  ),
  ...['-1', '1e9', 'abc', '9999999999999999999', '1.0', '0x1', '%00', '1%202', '', "1'--", '1'.repeat(5000)].flatMap(
    (n) => ['/v2/_catalog', '/v2/nginx/tags/list'].map((path) => ({ target: `${path}?n=${n}`, statuses: [400] })),
  ),
  ...['x'.repeat(8192), '%00', '%ff', '..%2f..%2f', '%0d%0aSet-Cookie:%20a=b', 'other/repository', '%', '$ne'].flatMap(
    (last) =>
      ['/v2/_catalog', '/v2/nginx/tags/list'].map((path) => ({ target: `${path}?last=${last}`, statuses: [200] })),
  ),
  { target: '/v2/nginx/tags/list?n=1&n=-1', statuses: [200] },
  { target: '/v2/nginx/tags/list?n[]=1&last[$gt]=', statuses: [200] },
  ...['x'.repeat(8192), '%00', '%0d%0aSet-Cookie:%20a=b', '', '*'].map((kind) => ({
    target: `/v2/nginx/referrers/${held}?artifactType=${kind}`,
    statuses: [200],
  })),
  ...[
    'bytes=0-0',
    Array.from({ length: 1000 }, () => '0-0')
      .join(',')
      .replace('0-0', 'bytes=0-0'),
    'bytes=-0',
    'bytes=5-2',
    'bytes=99999999999-',
    'bytes=0-99999999999999999999',
    'items=0-5',
    'bytes=--5',
    'bytes=0x0-5',
    'bytes',
    'bytes=0-1,',
  ].flatMap((range) =>
    [`/v2/nginx/blobs/${heldBlob}`, `/v2/nginx/manifests/${held}`].map((target) => ({
      target,
      headers: { Range: range },
      statuses: [200, 206, 416],
    })),
  ),
  ...[
    'application/vnd.docker.distribution.manifest.v2+json',
    'application/vnd.docker.distribution.manifest.v1+prettyjws',
    'application/vnd.oci.image.index.v1+json',
    '*/*',
    'text/html;q=0.1',
    `${ownForm};q=0`,
    'x'.repeat(8192),
    ';;;,,,',
  ].map((accept) => ({ target: '/v2/nginx/manifests/1.2.3', headers: { Accept: accept }, statuses: [200] })),
  ...['gzip', 'br, zstd', 'identity;q=0', '*;q=0'].map((coding) => ({
    target: `/v2/nginx/blobs/${heldBlob}`,
    headers: { 'Accept-Encoding': coding },
    statuses: [200],
  })),
  ...['"', '*', '"x"'.repeat(2000), `W/"${held}"`].map((tag) => ({
    target: '/v2/nginx/manifests/1.2.3',
    headers: { 'If-None-Match': tag },
    statuses: [200, 304],
  })),
];

const writes = ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'].flatMap((method) =>
  ['/v2/', '/v2/nginx/blobs/uploads/', `/v2/nginx/manifests/${held}`, '/v2/NO//such', '/v2/%ff'].map((target) => ({
    target,
    method,
    headers: { 'X-HTTP-Method-Override': 'GET', 'Content-Length': '0' },
    statuses: [405],
  })),
);

const others: readonly HostileCase[] = [
  { target: '/v2/nginx/manifests/1.2.3', headers: { 'Content-Length': '5' }, statuses: [400] },
  { target: '/v2/nginx/manifests/1.2.3', headers: { Expect: '100-continue' }, statuses: [400] },
  { target: '/v2/nginx/manifests/1.2.3', headers: { 'Transfer-Encoding': 'chunked' }, statuses: [400] },
  { target: '/v2/', method: 'PUT', headers: { 'Content-Length': String(2 ** 30) }, statuses: [405] },
];

/** Names, tags, digests, paths, pages, ranges and headers as somebody writes them who means no good. */
export const hostileCases: readonly HostileCase[] = [
  ...names.flatMap((name) =>
    refused([`/v2/${name}/manifests/1.2.3`, `/v2/${name}/blobs/${heldBlob}`, `/v2/${name}/tags/list`]),
  ),
  ...tags.flatMap((tag) => refused([`/v2/nginx/manifests/${tag}`])),
  ...digests.flatMap((one) => [
    ...refused([`/v2/nginx/manifests/${one}`, `/v2/nginx/blobs/${one}`]),
    { target: `/v2/nginx/referrers/${one}`, statuses: isDigestOfSomething(one) ? [200] : [400, 404] },
  ]),
  ...refused(outsideOfNames),
  ...answered,
  ...writes,
  ...others,
];

function isDigestOfSomething(text: string): boolean {
  return text === `sha256:${digest}` || text === `sha512:${digest}${digest}`;
}
