import { type Broken, good, upstream } from './broken.ts';

const chartRepository = (...rows: readonly string[]): string => upstream('name: a', 'url: https://a.corp', ...rows);
const ecr = '210987654321.dkr.ecr.eu-central-1.amazonaws.com/charts';

/** Credentials that are of no shape, of two, or not whole. */
export const brokenAuth: readonly Broken[] = [
  {
    wrong: 'a user name and a token',
    text: chartRepository('auth:', '  username: u', '  password: hunter2', '  token: hunter2'),
    expected: [[5, 7, 'upstreams[0].auth', 'found username and token, each of which is a way of its own']],
  },
  {
    wrong: 'half a password beside headers and an identity',
    text: chartRepository('auth: { password: hunter2, headers: { A: hunter2 }, provider: gcp }'),
    expected: [[4, 11, 'upstreams[0].auth', 'found username, headers and provider: gcp, each of which']],
  },
  {
    wrong: "a token beside Docker's file",
    text: chartRepository('auth: { dockerConfig: "${file:pull}", token: t }'),
    expected: [
      [4, 11, 'upstreams[0].auth', 'found token and dockerConfig'],
      [4, 27, 'upstreams[0].auth.dockerConfig', '/pull cannot be read (ENOENT)'],
    ],
  },
  {
    wrong: 'credentials of two shapes for all',
    text: `defaults: { auth: { token: t, provider: aws } }\n${good}`,
    expected: [[1, 19, 'defaults.auth', 'found token and provider: aws']],
  },
  {
    wrong: 'credentials that say nothing',
    text: chartRepository('auth: {}'),
    expected: [[4, 11, 'upstreams[0].auth', 'it says no credentials; expected username and password, token,']],
  },
  {
    wrong: 'credentials that only say how',
    text: chartRepository('auth: { region: eu-central-1 }'),
    expected: [[4, 11, 'upstreams[0].auth', 'it says no credentials']],
  },
  {
    wrong: 'credentials left empty',
    text: chartRepository('auth:'),
    expected: [[4, 5, 'upstreams[0].auth', 'found nothing; expected a mapping with username and password, token,']],
  },
  {
    wrong: 'a misspelt token',
    text: chartRepository('auth: { tokne: hunter2 }'),
    expected: [[4, 13, 'upstreams[0].auth.tokne', 'unknown option "tokne"; did you mean "token"?']],
  },
  {
    wrong: 'a misspelt password',
    text: chartRepository('auth: { username: u, pasword: hunter2 }'),
    expected: [[4, 26, 'upstreams[0].auth.pasword', 'did you mean "password"?']],
  },
  {
    wrong: 'a password without a user name',
    text: chartRepository('auth: { password: hunter2 }'),
    expected: [[4, 11, 'upstreams[0].auth.username', 'it is missing beside password; expected both or neither']],
  },
  {
    wrong: 'a user name with a colon',
    text: chartRepository('auth: { username: "u:hunter2", password: p }'),
    expected: [[4, 23, 'upstreams[0].auth.username', 'found [secret]; expected a text without ":"']],
  },
  {
    wrong: 'a user name with a colon in a variable',
    text: chartRepository('auth: { username: "${NAME}", password: p }'),
    environment: { NAME: 'u:hunter2' },
    expected: [[4, 23, 'upstreams[0].auth.username', 'found [secret]; expected a text without ":"']],
  },
  {
    wrong: 'a token that is empty',
    text: chartRepository('auth: { token: "" }'),
    expected: [[4, 20, 'upstreams[0].auth.token', 'the secret is empty']],
  },
  {
    wrong: 'an option of one shape beside another',
    text: chartRepository('auth: { token: t, allowHelpers: true, keyFile: k }'),
    expected: [
      [4, 37, 'upstreams[0].auth.allowHelpers', 'it goes with dockerConfig, not with token; leave it out'],
      [4, 52, 'upstreams[0].auth.keyFile', '/k cannot be read (ENOENT)'],
    ],
  },
  {
    wrong: 'an option of one cloud beside another',
    text: upstream('name: a', `url: ${ecr}`, 'auth: { provider: aws, tenantId: t, keyFile: "" }'),
    expected: [
      [4, 38, 'upstreams[0].auth.tenantId', 'it goes with provider: azure, not with provider: aws; leave it out'],
      [4, 50, 'upstreams[0].auth.keyFile', 'found ""; expected a path'],
    ],
  },
  {
    wrong: 'a cloud nobody knows',
    text: upstream('name: a', `url: ${ecr}`, 'auth: { provider: asw, region: eu }'),
    expected: [[4, 23, 'upstreams[0].auth.provider', 'found "asw"; did you mean "aws"? expected aws, gcp or azure']],
  },
  {
    wrong: 'half an access key',
    text: upstream('name: a', `url: ${ecr}`, 'auth: { provider: aws, secretAccessKey: hunter2 }'),
    expected: [[4, 11, 'upstreams[0].auth.accessKeyId', 'it is missing beside secretAccessKey']],
  },
  {
    wrong: 'a role and a region that are none',
    text: upstream('name: a', `url: ${ecr}`, 'auth: { provider: aws, roleArn: reader, region: "eu west" }'),
    expected: [
      [4, 37, 'upstreams[0].auth.roleArn', 'found "reader"; expected the ARN of a role'],
      [4, 53, 'upstreams[0].auth.region', 'found "eu west"; expected a region such as eu-central-1'],
    ],
  },
  {
    wrong: 'a secret of Azure without its application',
    text: upstream('name: a', 'url: a.azurecr.io', 'auth: { provider: azure, clientSecret: hunter2, clientId: c }'),
    expected: [[4, 11, 'upstreams[0].auth.tenantId', 'it is missing beside clientSecret']],
  },
  {
    wrong: 'headers that are a list',
    text: chartRepository('auth: { headers: ["X-Key: hunter2"] }'),
    expected: [[4, 22, 'upstreams[0].auth.headers', 'found a list; expected a mapping of header names to values']],
  },
  {
    wrong: 'no header at all',
    text: chartRepository('auth: { headers: {} }'),
    expected: [[4, 22, 'upstreams[0].auth.headers', 'it holds no header']],
  },
  {
    wrong: 'headers that are none, or not ours',
    text: chartRepository(
      'auth:',
      '  headers:',
      '    X Key: hunter2',
      '    HOST: hunter2',
      '    Content-Length: "1"',
      '    __proto__: hunter2',
      '    Überschrift: hunter2',
    ),
    expected: [
      [6, 9, 'upstreams[0].auth.headers.X…', '"X…" is not the name of an option; a key ends with ": "'],
      [7, 15, 'upstreams[0].auth.headers.HOST', 'this header is set by HTTP itself; leave it out'],
      [8, 25, 'upstreams[0].auth.headers.Content-Length', 'this header is set by HTTP itself'],
      [9, 20, 'upstreams[0].auth.headers.__proto__', 'this is no name of a header'],
      [10, 22, 'upstreams[0].auth.headers.Überschrift', 'this is no name of a header'],
    ],
  },
  {
    wrong: 'a header twice',
    text: chartRepository('auth: { headers: { X-Key: hunter2, x-key: hunter2, X-Key: hunter2 } }'),
    expected: [
      [4, 47, 'upstreams[0].auth.headers.x-key', 'this header is given twice'],
      [4, 56, 'upstreams[0].auth.headers.X-Key', '"X-Key" is given twice; the first is in line 4'],
    ],
  },
  {
    wrong: 'credentials without spaces',
    text: chartRepository('auth: {username:u,password:hunter2}'),
    expected: [
      [4, 12, 'upstreams[0].auth.username…', '"username…" is not the name of an option; a key ends with ": "'],
      [4, 23, 'upstreams[0].auth.password…', '"password…" is not the name of an option'],
    ],
  },
  {
    wrong: 'a header as one text',
    text: chartRepository("auth: { headers: { 'X-Key: hunter2' } }"),
    expected: [[4, 24, 'upstreams[0].auth.headers.X-Key…', '"X-Key…" is not the name of an option']],
  },
  {
    wrong: 'a header that is a number, and one without a value',
    text: chartRepository('auth: { headers: { A: 12345678, B: } }'),
    expected: [
      [4, 27, 'upstreams[0].auth.headers.A', 'found [secret]; put it in quotes; expected the value of a header'],
      [4, 37, 'upstreams[0].auth.headers.B', 'found [secret]; expected the value of a header'],
    ],
  },
];

const unfitting = (wrong: string, url: string, auth: string, option: string, message: string): Broken => ({
  wrong,
  text: upstream('name: a', `url: "${url}"`, `auth: { ${auth} }`),
  expected: [[4, 15 + option.length, `upstreams[0].auth.${option}`, message]],
});

/** Credentials for what they are not for: a cloud's identity must not go to a host that only looks like that cloud. */
export const unfitAuth: readonly Broken[] = [
  ['registry.corp', 'aws', 'the registry registry.corp'],
  ['210987654321.dkr.ecr.eu-west-1.amazonaws.com.evil.corp/x', 'aws', 'the registry 210987654321.dkr.ecr'],
  ['evil.corp-210987654321.dkr.ecr.eu-west-1.amazonaws.com', 'aws', 'the registry evil.corp-'],
  ['210987654321.dkr.ecr.eu-west-1.amazonaws.co', 'aws', 'the registry 210987654321'],
  ['public.ecr.aws.evil.corp/x', 'aws', 'the registry public.ecr.aws.evil.corp'],
  ['https://charts.s3.eu-west-1.amazonaws.com', 'aws', 'a chart repository'],
  ['gs://charts', 'aws', 'a bucket at gs://'],
  ['europe-docker.pkg.dev.evil.corp/x', 'gcp', 'the registry europe-docker.pkg.dev.evil.corp'],
  ['evil.docker.pkg.dev/x', 'gcp', 'the registry evil.docker.pkg.dev'],
  ['evilgcr.io/x', 'gcp', 'the registry evilgcr.io'],
  ['s3://charts', 'gcp', 'a bucket at s3://'],
  ['azurecr.io.evil.corp/x', 'azure', 'the registry azurecr.io.evil.corp'],
  ['evilazurecr.io/x', 'azure', 'the registry evilazurecr.io'],
  ['corp.azurecr.io.cn/x', 'azure', 'the registry corp.azurecr.io.cn'],
  ['corp.azurecr.de/x', 'azure', 'the registry corp.azurecr.de'],
  ['gs://charts', 'azure', 'a bucket at gs://'],
]
  .map(([url = '', cloud = '', place = '']) =>
    unfitting(`an identity of ${cloud} for ${url}`, url, `provider: ${cloud}`, 'provider', `this upstream is ${place}`),
  )
  .concat([
    unfitting(
      'a user name for a bucket',
      's3://charts',
      'username: u, password: p',
      'username',
      'username is for chart',
    ),
    unfitting('a token for a bucket of S3', 's3://charts', 'token: t', 'token', 'registries and gs:// buckets; this'),
    unfitting(
      'a header for a bucket',
      'gs://charts',
      'headers: { A: b }',
      'headers',
      'headers is for chart repositories',
    ),
    {
      wrong: "Docker's file for a chart repository",
      text: upstream('name: a', 'url: https://a.corp', 'auth: { dockerConfig: config.yaml }'),
      expected: [[4, 27, 'upstreams[0].auth.dockerConfig', 'is for registries; this upstream is a chart repository']],
    },
  ]);
