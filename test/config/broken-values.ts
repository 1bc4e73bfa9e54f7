import { type Broken, good, upstream } from './broken.ts';

/** Values that are not allowed. */
export const brokenValues: readonly Broken[] = [
  {
    wrong: 'a name with capitals',
    text: upstream('name: Podinfo', 'url: ./charts'),
    expected: [[2, 11, 'upstreams[0].name', 'found "Podinfo"; expected a DNS label']],
  },
  {
    wrong: 'a name of a megabyte',
    text: upstream(`name: ${'x'.repeat(1_000_000)}`, 'url: ./charts'),
    expected: [[2, 11, 'upstreams[0].name', '… (1000000 characters)"; expected a DNS label']],
  },
  {
    wrong: 'a name twice',
    text: `${good}  - name: b\n    url: ./b\n  - name: a\n    url: ./c\n`,
    expected: [[6, 11, 'upstreams[2].name', 'the name "a" is taken by upstreams[0] in line 2']],
  },
  {
    wrong: 'a type with a typing error',
    text: upstream('name: a', 'url: oci://a.corp', 'type: regsitry'),
    expected: [
      [
        4,
        11,
        'upstreams[0].type',
        'found "regsitry"; did you mean "registry"? expected chart-repository, registry, bucket or folder',
      ],
    ],
  },
  {
    wrong: 'a type that does not fit the url',
    text: upstream('name: a', 'url: oci://a.corp/charts', 'type: folder'),
    expected: [[4, 11, 'upstreams[0].type', 'the url is that of a registry; leave type out, or write "registry"']],
  },
  {
    wrong: 'a default type that does not fit the url',
    text: `defaults: { type: registry }\n${good}`,
    expected: [[1, 19, 'defaults.type', 'the url is that of a folder']],
  },
  {
    wrong: 'a password in a url',
    text: upstream('name: a', 'url: https://user:hunter2@a.corp/charts'),
    expected: [[3, 10, 'upstreams[0].url', 'it holds a user name or password; write them in auth']],
  },
  {
    wrong: 'a scheme nobody knows',
    text: upstream('name: a', 'url: ftp://a.corp/charts'),
    expected: [[3, 10, 'upstreams[0].url', 'the scheme "ftp" is unknown']],
  },
  {
    wrong: 'a url with a tag',
    text: upstream('name: a', 'url: oci://a.corp/charts/nginx:1.2.3'),
    expected: [[3, 10, 'upstreams[0].url', 'write it without tag or digest']],
  },
  {
    wrong: 'an interval without a unit',
    text: upstream('name: a', 'url: ./charts', 'interval: 120'),
    expected: [[4, 15, 'upstreams[0].interval', 'found the number 120; expected a duration from 10s to 24h, or 0']],
  },
  {
    wrong: 'an interval that is too short',
    text: `defaults:\n  interval: 9s\n${good}`,
    expected: [[2, 13, 'defaults.interval', 'found "9s"; expected a duration from 10s to 24h, or 0']],
  },
  {
    wrong: 'an interval that is too long',
    text: upstream('name: a', 'url: ./charts', 'interval: 25h'),
    expected: [[4, 15, 'upstreams[0].interval', 'found "25h"; expected a duration from 10s to 24h, or 0']],
  },
  {
    wrong: 'an interval with a space',
    text: upstream('name: a', 'url: ./charts', 'interval: 2 m'),
    expected: [[4, 15, 'upstreams[0].interval', 'found "2 m"']],
  },
  {
    wrong: 'a size in decimal units',
    text: upstream('name: a', 'url: ./charts', 'maxArchiveBytes: 64MB'),
    expected: [[4, 22, 'upstreams[0].maxArchiveBytes', 'found "64MB"; expected a size up to 1GiB']],
  },
  {
    wrong: 'a size beyond its limit',
    text: upstream('name: a', 'url: https://a.corp', 'maxIndexBytes: 1GiB'),
    expected: [[4, 20, 'upstreams[0].maxIndexBytes', 'found "1GiB"; expected a size up to 256MiB']],
  },
  {
    wrong: 'too much concurrency',
    text: upstream('name: a', 'url: ./charts', 'concurrency: 65'),
    expected: [[4, 18, 'upstreams[0].concurrency', 'found the number 65; expected a whole number from 1 to 64']],
  },
  {
    wrong: 'a truth value in words',
    text: upstream('name: a', 'url: oci://a.corp', 'plainHTTP: yes'),
    expected: [[4, 16, 'upstreams[0].plainHTTP', 'found "yes"; expected true or false']],
  },
  {
    wrong: 'a mirror policy nobody knows',
    text: upstream('name: a', 'url: ./charts', 'mirror: some'),
    expected: [[4, 13, 'upstreams[0].mirror', 'found "some"; expected all, requested or { newest: N }']],
  },
  {
    wrong: 'a mirror policy of none',
    text: upstream('name: a', 'url: ./charts', 'mirror: { newest: 0 }'),
    expected: [[4, 23, 'upstreams[0].mirror.newest', 'found the number 0; expected a whole number from 1']],
  },
  {
    wrong: 'a mirror policy with a misspelt key',
    text: upstream('name: a', 'url: ./charts', 'mirror: { newset: 3 }'),
    expected: [[4, 15, 'upstreams[0].mirror.newset', 'did you mean "newest"?']],
  },
  {
    wrong: 'a mirror policy as a list',
    text: upstream('name: a', 'url: ./charts', 'mirror: [all]'),
    expected: [[4, 13, 'upstreams[0].mirror', 'found a list; expected all, requested or { newest: N }']],
  },
  {
    wrong: 'an upstream retired in words',
    text: upstream('name: a', 'url: ./charts', 'retired: "true"'),
    expected: [[4, 14, 'upstreams[0].retired', 'found "true"; expected true or false']],
  },
  {
    wrong: 'rewritten versions that are neither refused nor accepted',
    text: upstream('name: a', 'url: ./charts', 'rewritten: refused'),
    expected: [[4, 16, 'upstreams[0].rewritten', 'found "refused"; did you mean "refuse"? expected refuse or accept']],
  },
  {
    wrong: 'withdrawn versions that are neither kept nor dropped',
    text: `defaults: { withdrawn: delete }\n${good}`,
    expected: [[1, 24, 'defaults.withdrawn', 'found "delete"; expected keep or drop']],
  },
  {
    wrong: 'a share without its sign',
    text: upstream('name: a', 'url: ./charts', 'withdrawn: drop', 'maxShrink: 50'),
    expected: [
      [5, 16, 'upstreams[0].maxShrink', 'found the number 50; did you mean "50%"? expected a whole percentage'],
    ],
  },
  {
    wrong: 'a share that is more than everything',
    text: `defaults:\n  withdrawn: drop\n  maxShrink: 101%\n${good}`,
    expected: [[3, 14, 'defaults.maxShrink', 'found "101%"; expected a whole percentage from 0% to 100%, such as 50%']],
  },
  {
    wrong: 'a share as a fraction, in defaults and again',
    text: `defaults: { maxShrink: 0.5 }\n${upstream('name: a', 'url: ./charts', 'maxShrink: .5%')}`,
    expected: [
      [1, 24, 'defaults.maxShrink', 'found the number 0.5; expected a whole percentage'],
      [5, 16, 'upstreams[0].maxShrink', 'found ".5%"; expected a whole percentage'],
    ],
  },
  {
    wrong: 'no requests at all',
    text: upstream('name: a', 'url: https://a.corp', 'requestsPerSecond: 0'),
    expected: [[4, 24, 'upstreams[0].requestsPerSecond', 'found the number 0; expected a whole number from 1 to 1000']],
  },
  {
    wrong: 'more requests than there may be',
    text: `defaults: { requestsPerSecond: 1001 }\n${good}`,
    expected: [[1, 32, 'defaults.requestsPerSecond', 'found the number 1001; expected a whole number from 1 to 1000']],
  },
  {
    wrong: 'charts as a text',
    text: upstream('name: a', 'url: ./charts', 'charts: nginx'),
    expected: [[4, 13, 'upstreams[0].charts', 'found "nginx"; expected a list of chart names']],
  },
  {
    wrong: 'an empty list of charts',
    text: upstream('name: a', 'url: ./charts', 'charts: []'),
    expected: [[4, 13, 'upstreams[0].charts', 'found an empty list; expected a list of chart names']],
  },
  {
    wrong: 'a chart with a slash',
    text: upstream('name: a', 'url: ./charts', 'charts: [nginx, team/app]'),
    expected: [[4, 21, 'upstreams[0].charts[1]', 'found "team/app"; expected a chart name or a glob']],
  },
  {
    wrong: 'a glob for a registry',
    text: upstream('name: a', 'url: ghcr.io/a/charts', 'charts: [nginx, "corp-*"]'),
    expected: [
      [4, 21, 'upstreams[0].charts[1]', 'found "corp-*", but this upstream is a registry, which is not browsed'],
    ],
  },
  {
    wrong: 'a default glob for a registry',
    text: `defaults: { charts: ["*"] }\n${upstream('name: a', 'url: oci://a.corp')}`,
    expected: [[1, 22, 'defaults.charts[0]', 'but upstreams[0] is a registry']],
  },
  {
    wrong: 'options of the network for a folder',
    text: upstream('name: a', 'url: ./charts', 'timeout: 5s', 'plainHTTP: true', 'requestsPerSecond: 5'),
    expected: [
      [4, 14, 'upstreams[0].timeout', 'a folder has no use for this option'],
      [5, 16, 'upstreams[0].plainHTTP', 'a folder has no use for this option'],
      [6, 24, 'upstreams[0].requestsPerSecond', 'a folder has no use for this option'],
    ],
  },
  {
    wrong: 'a listen address that is only a port',
    text: `${good}server: { listen: 8080 }\n`,
    expected: [
      [
        4,
        19,
        'server.listen',
        'found the number 8080; for every interface write "0.0.0.0:8080"; expected address:port',
      ],
    ],
  },
  {
    wrong: 'a port that does not exist',
    text: `${good}server: { listen: "127.0.0.1:65536" }\n`,
    expected: [[4, 19, 'server.listen', 'found "127.0.0.1:65536"; expected address:port']],
  },
  {
    wrong: 'operations on the address of the front doors',
    text: `${good}server: { operations: "127.0.0.1:8080" }\n`,
    expected: [[4, 23, 'server.operations', 'found the address of server.listen']],
  },
  {
    wrong: 'a certificate without its key',
    text: `${good}server:\n  tls: { certFile: tls.crt }\n`,
    expected: [[5, 8, 'server.tls.keyFile', 'it is missing; expected a path']],
  },
  {
    wrong: 'two stores',
    text: `${good}store: { filesystem: {}, s3: { bucket: charts } }\n`,
    expected: [[4, 8, 'store', 'found both filesystem and s3; expected one of them']],
  },
  {
    wrong: 'a store of no kind',
    text: `${good}store: {}\n`,
    expected: [[4, 8, 'store', 'found neither filesystem nor s3']],
  },
  {
    wrong: 'half a key for the bucket',
    text: `${good}store:\n  s3: { bucket: charts, accessKeyId: abc }\n`,
    expected: [[5, 7, 'store.s3.secretAccessKey', 'it is missing beside accessKeyId; expected both or neither']],
  },
  {
    wrong: 'a bucket and an endpoint that are none',
    text: `${good}store:\n  s3: { bucket: Charts, endpoint: "http://u:hunter2@s3.corp" }\n`,
    expected: [
      [5, 17, 'store.s3.bucket', 'found "Charts"; expected a bucket name'],
      [5, 35, 'store.s3.endpoint', 'found "http://…@s3.corp"; expected a url such as'],
    ],
  },
  {
    wrong: 'a log level with a typing error',
    text: `${good}log: { level: wran }\n`,
    expected: [[4, 15, 'log.level', 'found "wran"; did you mean "warn"? expected debug, info, warn or error']],
  },
];
