import { type Broken, good, upstream } from './broken.ts';

const chartRepository = (...rows: readonly string[]): string => upstream('name: a', 'url: https://a.corp', ...rows);
const bucket = (url: string): string => upstream('name: a', `url: "${url}"`);

/** What is wrong about the way to an upstream, or about a bucket. */
export const brokenUpstreams: readonly Broken[] = [
  {
    wrong: 'a bucket with its server in the url',
    text: upstream('name: a', 'url: https://minio.corp:9000/charts', 'type: bucket'),
    expected: [[3, 10, 'upstreams[0].url', 'a bucket is written "s3://bucket/prefix"; a server other than']],
  },
  {
    wrong: 'a server where the bucket should be',
    text: bucket('s3://minio.corp:9000/charts'),
    expected: [[3, 10, 'upstreams[0].url', 'a server other than those of Amazon and Google is written in endpoint']],
  },
  {
    wrong: 'a bucket with capitals',
    text: bucket('s3://Charts/stable'),
    expected: [[3, 10, 'upstreams[0].url', '"Charts" is no name of a bucket']],
  },
  {
    wrong: 'a bucket with a query',
    text: bucket('s3://charts/stable?sig=hunter2'),
    expected: [[3, 10, 'upstreams[0].url', 'the url of a bucket has no query']],
  },
  {
    wrong: 'a key in the url of a bucket',
    text: bucket('s3://key:hunter2@charts/stable'),
    expected: [[3, 10, 'upstreams[0].url', 'it holds a user name or password']],
  },
  {
    wrong: 'a prefix with a hole',
    text: bucket('gs://charts/a//b'),
    expected: [[3, 10, 'upstreams[0].url', 'the prefix of a bucket is']],
  },
  {
    wrong: 'options of a registry for a bucket, or others that are told who we are',
    text: upstream(
      'name: a',
      'url: s3://charts',
      'discover: true',
      'plainHTTP: true',
      'passCredentials: [https://a.corp]',
    ),
    expected: [
      [4, 15, 'upstreams[0].discover', 'a bucket has no use for this option'],
      [5, 16, 'upstreams[0].plainHTTP', 'a bucket has no use for this option'],
      [6, 22, 'upstreams[0].passCredentials', 'a bucket has no use for this option'],
    ],
  },
  {
    wrong: 'options of a bucket and a registry for a chart repository',
    text: chartRepository('endpoint: https://minio.corp', 'discover: true'),
    expected: [
      [4, 15, 'upstreams[0].endpoint', 'a chart-repository has no use for this option'],
      [5, 15, 'upstreams[0].discover', 'a chart-repository has no use for this option'],
    ],
  },
  {
    wrong: 'a server of buckets for a registry',
    text: upstream('name: a', 'url: oci://a.corp', 'endpoint: https://minio.corp'),
    expected: [[4, 15, 'upstreams[0].endpoint', 'a registry has no use for this option']],
  },
  {
    wrong: 'a server of buckets for all',
    text: `defaults: { endpoint: https://minio.corp }\n${good}`,
    expected: [[1, 13, 'defaults.endpoint', 'unknown option "endpoint"']],
  },
  {
    wrong: 'a server of buckets with a path',
    text: upstream('name: a', 'url: s3://charts', 'endpoint: https://minio.corp/charts'),
    expected: [[4, 15, 'upstreams[0].endpoint', 'found "https://minio.corp/charts"; expected a url such as']],
  },
  {
    wrong: 'the ways of the network for a folder',
    text: upstream(
      'name: a',
      'url: ./charts',
      'auth: { token: t }',
      'tls: { insecureSkipTLSVerify: false }',
      'archiveHosts: [a.corp]',
      'passCredentials: ["https://a.corp"]',
      'allowPrivateNetwork: true',
      'proxy: http://proxy.corp',
    ),
    expected: [
      [4, 11, 'upstreams[0].auth', 'a folder has no use for this option'],
      [5, 10, 'upstreams[0].tls', 'a folder has no use for this option'],
      [6, 19, 'upstreams[0].archiveHosts', 'a folder has no use for this option'],
      [7, 22, 'upstreams[0].passCredentials', 'a folder has no use for this option'],
      [8, 26, 'upstreams[0].allowPrivateNetwork', 'a folder has no use for this option'],
      [9, 12, 'upstreams[0].proxy', 'a folder has no use for this option'],
    ],
  },
  {
    wrong: 'certificates that are not there',
    text: chartRepository('tls: { caFile: ca.pem, certFile: /nowhere/crt.pem, keyFile: /dev/zero }'),
    expected: [
      [4, 20, 'upstreams[0].tls.caFile', '/ca.pem cannot be read (ENOENT)'],
      [4, 38, 'upstreams[0].tls.certFile', 'the file /nowhere/crt.pem cannot be read (ENOENT)'],
      [4, 65, 'upstreams[0].tls.keyFile', 'the file /dev/zero cannot be read (it is not a regular file)'],
    ],
  },
  {
    wrong: 'our certificate without its key',
    text: chartRepository('tls: { certFile: config.yaml }'),
    expected: [[4, 10, 'upstreams[0].tls.keyFile', 'it is missing beside certFile; expected both or neither']],
  },
  {
    wrong: 'a key without its certificate, for all',
    text: `defaults: { tls: { keyFile: config.yaml } }\n${good}`,
    expected: [[1, 18, 'defaults.tls.certFile', 'it is missing beside keyFile']],
  },
  {
    wrong: "Docker's file that is not there",
    text: upstream('name: a', 'url: oci://a.corp', 'auth: { dockerConfig: /nowhere/config.json }'),
    expected: [[4, 27, 'upstreams[0].auth.dockerConfig', 'the file /nowhere/config.json cannot be read (ENOENT)']],
  },
  {
    wrong: 'a key of Google that is not there',
    text: upstream('name: a', 'url: gs://charts', 'auth: { provider: gcp, keyFile: "${FILE}" }'),
    environment: { FILE: '/nowhere/key.json' },
    expected: [[4, 37, 'upstreams[0].auth.keyFile', 'the file /nowhere/key.json cannot be read (ENOENT)']],
  },
  {
    wrong: 'hosts of archives that are none',
    text: chartRepository('archiveHosts: [https://a.corp, "*.corp", "a:0", "a:65536", "a.corp/x", "u@a.corp", "::1"]'),
    expected: [
      [4, 20, 'upstreams[0].archiveHosts[0]', 'write it without scheme and path; expected host or host:port'],
      [4, 36, 'upstreams[0].archiveHosts[1]', 'found "*.corp"; expected host or host:port'],
      [4, 46, 'upstreams[0].archiveHosts[2]', 'found "a:0"'],
      [4, 53, 'upstreams[0].archiveHosts[3]', 'found "a:65536"'],
      [4, 64, 'upstreams[0].archiveHosts[4]', 'found "a.corp/x"'],
      [4, 76, 'upstreams[0].archiveHosts[5]', 'found "u@a.corp"'],
      [4, 88, 'upstreams[0].archiveHosts[6]', 'found "::1"'],
    ],
  },
  {
    wrong: 'origins that are none',
    text: chartRepository(
      'passCredentials: [a.corp, "https://a.corp/x", "https://a.corp?x", "https://*.corp", "oci://a"]',
    ),
    expected: [
      [4, 23, 'upstreams[0].passCredentials[0]', 'found "a.corp"; expected an origin such as https://objects.corp'],
      [4, 31, 'upstreams[0].passCredentials[1]', 'found "https://a.corp/x"'],
      [4, 51, 'upstreams[0].passCredentials[2]', 'found "https://a.corp?…"'],
      [4, 71, 'upstreams[0].passCredentials[3]', 'found "https://*.corp"'],
      [4, 89, 'upstreams[0].passCredentials[4]', 'found "oci://a"'],
    ],
  },
  {
    wrong: 'a token in the path of urls that stand where none is meant',
    text: chartRepository(
      'passCredentials: ["https://dl.cloudsmith.io/hunter2/o"]',
      'archiveHosts: ["dl.cloudsmith.io:443/hunter2/o", "u:hunter2@a.corp"]',
      'charts: [dl.cloudsmith.io/hunter2/o]',
    ),
    expected: [
      [4, 23, 'upstreams[0].passCredentials[0]', 'found "https://dl.cloudsmith.io/[secret]/o"; expected an origin'],
      [5, 20, 'upstreams[0].archiveHosts[0]', 'found "dl.cloudsmith.io:443/[secret]/o"; expected host or'],
      [5, 54, 'upstreams[0].archiveHosts[1]', 'found "…@a.corp"; expected host or'],
      [6, 14, 'upstreams[0].charts[0]', 'found "dl.cloudsmith.io/[secret]/o"; expected a chart name'],
    ],
  },
  {
    wrong: 'private addresses allowed in words',
    text: `defaults: { allowPrivateNetwork: "yes" }\n${good}`,
    expected: [[1, 34, 'defaults.allowPrivateNetwork', 'found "yes"; expected true or false']],
  },
  {
    wrong: 'a proxy that is none',
    text: chartRepository('proxy: "socks5://u:hunter2@proxy.corp"'),
    expected: [[4, 12, 'upstreams[0].proxy', 'found [secret]; expected the url of a proxy: http://host:port or']],
  },
  {
    wrong: 'a proxy with a path, and one with a port that does not exist',
    text: `defaults: { proxy: http://proxy.corp/hunter2 }\n${chartRepository('proxy: "http://proxy.corp:65536"')}`,
    expected: [
      [1, 20, 'defaults.proxy', 'found [secret]; expected the url of a proxy'],
      [5, 12, 'upstreams[0].proxy', 'found [secret]; expected the url of a proxy'],
    ],
  },
  {
    wrong: 'a proxy at an address that does not exist, here and in the environment',
    text: `${upstream('name: a', 'url: https://a.corp', 'proxy: "${PROXY}"')}  - { name: b, url: "https://b.corp" }\n`,
    environment: { PROXY: 'http://u:hunter2@256.1.1.1', HTTP_PROXY: '256.1.1.1:80' },
    expected: [
      [4, 12, 'upstreams[0].proxy', 'found [secret]; expected the url of a proxy: http://host:port or'],
      [5, 5, 'upstreams[1].proxy', 'in the environment HTTP_PROXY is no address of a proxy'],
    ],
  },
  {
    wrong: 'proxies of the environment that are none',
    text: `${good}  - { name: b, url: "https://b.corp" }\n  - { name: c, url: "https://c.corp" }\n`,
    environment: { HTTP_PROXY: 'socks5://hunter2', https_proxy: 'http://proxy corp hunter2', NO_PROXY: '::' },
    expected: [
      [4, 5, 'upstreams[1].proxy', 'in the environment HTTP_PROXY and https_proxy are no addresses of a proxy'],
    ],
  },
  {
    wrong: 'a proxy of the environment that is none, and a default for some',
    text: upstream('name: a', 'url: https://a.corp', 'proxy: http://a', 'urll: 1') + '  - { name: b, url: b.corp }\n',
    environment: { HTTPS_PROXY: ':' },
    expected: [
      [5, 5, 'upstreams[0].urll', 'unknown option "urll"'],
      [
        6,
        5,
        'upstreams[1].proxy',
        'in the environment HTTPS_PROXY is no address of a proxy; expected http://host:port',
      ],
    ],
  },
  {
    wrong: 'a path before a chart of a chart repository',
    text: `defaults: { charts: [team/app] }\n${chartRepository()}`,
    expected: [[1, 22, 'defaults.charts[0]', 'found "team/app"; expected a chart name or a glob: only in a registry']],
  },
  {
    wrong: 'a registry that is to be browsed in words',
    text: upstream('name: a', 'url: oci://a.corp', 'discover: all', 'charts: ["corp-*"]'),
    expected: [
      [4, 15, 'upstreams[0].discover', 'found "all"; expected true or false'],
      [5, 14, 'upstreams[0].charts[0]', 'expected plain chart names, or discover: true'],
    ],
  },
];
