import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { describe, expect, test } from 'vitest';

import { noRules } from '../../src/chart/rules.ts';
import { type Loaded, loadConfig } from '../../src/config/load.ts';
import { describeProblem } from '../../src/config/problem.ts';
import { configOf, loadText, problemsOf, writeConfig } from './support.ts';

const mebibyte = 1024 ** 2;

describe('a configuration of three lines', () => {
  test('has a value for everything that has a default', async () => {
    const file = await writeConfig('upstreams:\n  - name: podinfo\n    url: https://stefanprodan.github.io/podinfo\n');
    expect(configOf(await loadConfig(file, {}))).toEqual({
      file,
      server: {
        listen: { host: '127.0.0.1', port: 8080 },
        operations: 'same',
        adminToken: undefined,
        publicUrl: undefined,
        tls: undefined,
        coldWaitMs: 25_000,
        shutdownGraceMs: 30_000,
      },
      store: { kind: 'filesystem', path: join(dirname(file), 'data') },
      upstreams: [
        {
          name: 'podinfo',
          type: 'chart-repository',
          url: 'https://stefanprodan.github.io/podinfo',
          intervalMs: 120_000,
          retired: false,
          charts: ['*'],
          versions: [],
          mirror: 'all',
          rewritten: 'refuse',
          withdrawn: 'keep',
          maxShrink: 0.5,
          auth: undefined,
          tls: { caFile: undefined, certFile: undefined, keyFile: undefined, insecureSkipTLSVerify: false },
          plainHTTP: false,
          archiveHosts: [],
          passCredentials: [],
          allowPrivateNetwork: false,
          proxy: { http: undefined, https: undefined, noProxy: 'localhost,127.0.0.0/8,::1' },
          timeoutMs: 60_000,
          retries: 5,
          concurrency: 4,
          requestsPerSecond: 20,
          maxIndexBytes: 64 * mebibyte,
          maxArchiveBytes: 64 * mebibyte,
        },
      ],
      repositories: [{ name: 'all', root: true, upstreams: ['podinfo'], rules: noRules }],
      log: { level: 'info', format: undefined },
    });
  });

  test('may begin with a byte order mark', async () => {
    const text = '\uFEFFupstreams:\r\n  - name: a\r\n    url: ./charts\r\n    urll: x\r\n';
    expect(problemsOf(await loadText(text))[0]?.position).toEqual({ line: 4, column: 5 });
    configOf(await loadText(text.replace('    urll: x\r\n', '')));
  });
});

test('an upstream is heard before the defaults, option by option, and the defaults before what is built in', async () => {
  const config = configOf(
    await loadText(`
defaults: { interval: 0, mirror: requested, concurrency: 2, charts: [nginx], maxArchiveBytes: 1GiB, auth: { username: u, password: p } }
upstreams:
  - { name: a, url: "https://a.corp/charts" }
  - { name: b, url: oci://b.corp, interval: 1h, mirror: { newest: 5 }, concurrency: 64, charts: [redis, loki] }
  - { name: c, url: ./charts }
`),
  );
  expect(config.upstreams).toMatchObject([
    {
      intervalMs: 0,
      mirror: 'requested',
      concurrency: 2,
      charts: ['nginx'],
      maxArchiveBytes: 1024 * mebibyte,
      auth: { kind: 'password' },
    },
    {
      intervalMs: 3_600_000,
      mirror: { newest: 5 },
      concurrency: 64,
      charts: ['redis', 'loki'],
      auth: { kind: 'password' },
    },
    { intervalMs: 0, mirror: 'requested', concurrency: 2, charts: ['nginx'] },
  ]);
  expect(config.upstreams[2]).not.toHaveProperty('auth');
});

test('what is remembered of an upstream can be said of each, and of all', async () => {
  const config = configOf(
    await loadText(
      `
defaults: { retired: true, withdrawn: drop, rewritten: accept, maxShrink: 0%, requestsPerSecond: 1 }
upstreams:
  - { name: a, url: "https://a.corp/charts" }
  - { name: b, url: oci://b.corp, retired: false, withdrawn: keep, rewritten: refuse, requestsPerSecond: 1000 }
  - { name: c, url: ./charts, maxShrink: "\${SHRINK}", retired: "\${RETIRED}" }
`,
      { SHRINK: '100%', RETIRED: 'false' },
    ),
  );
  expect(config.upstreams).toMatchObject([
    { retired: true, withdrawn: 'drop', rewritten: 'accept', maxShrink: 0, requestsPerSecond: 1 },
    { retired: false, withdrawn: 'keep', rewritten: 'refuse', maxShrink: 0, requestsPerSecond: 1000 },
    { retired: false, withdrawn: 'drop', rewritten: 'accept', maxShrink: 1 },
  ]);
  expect(config.upstreams[2]).not.toHaveProperty('requestsPerSecond');
});

describe('an interval', () => {
  const withInterval = (written: string): Promise<Loaded> =>
    loadText(`upstreams: [{ name: a, url: ./a, interval: ${written} }]`);

  test.each([
    ['0', 0],
    ['10s', 10_000],
    ['24h', 86_400_000],
  ])('may be %s', async (written, ms) => {
    expect(configOf(await withInterval(written)).upstreams[0]).toMatchObject({ intervalMs: ms });
  });

  test.each(['1ms', '9s', '9999ms', '86401s', '25h'])('may not be %s', async (written) => {
    const problems = problemsOf(await withInterval(written));
    expect(problems.map(({ option }) => option)).toEqual(['upstreams[0].interval']);
  });
});

test('a registry without charts has none, rather than a pattern', async () => {
  const config = configOf(await loadText('upstreams: [{ name: a, url: ghcr.io/a/charts/ }]'));
  expect(config.upstreams[0]).toMatchObject({ type: 'registry', url: 'oci://ghcr.io/a/charts', charts: [] });
});

test('relative paths begin at the configuration file', async () => {
  const file = await writeConfig(`
server: { tls: { certFile: tls/crt.pem, keyFile: /etc/key.pem } }
store: { filesystem: { path: ../kept } }
upstreams: [{ name: a, url: ./my-charts }, { name: b, url: file:///srv/charts }, { name: c, url: d, type: folder }]
`);
  const folder = dirname(file);
  const config = configOf(await loadConfig(file, {}));
  expect(config.server.tls).toEqual({ certFile: join(folder, 'tls/crt.pem'), keyFile: '/etc/key.pem' });
  expect(config.store).toEqual({ kind: 'filesystem', path: join(folder, '../kept') });
  expect(config.upstreams).toMatchObject([
    { path: join(folder, 'my-charts'), url: pathToFileURL(join(folder, 'my-charts')).href },
    { path: '/srv/charts', url: 'file:///srv/charts' },
    { path: join(folder, 'd') },
  ]);
});

describe('a bucket', () => {
  test('has a region, no prefix and the identity of the environment by default', async () => {
    const config = configOf(await loadText('store: { s3: { bucket: charts } }\nupstreams: [{ name: a, url: ./a }]'));
    expect(config.store).toEqual({
      kind: 's3',
      endpoint: undefined,
      region: 'us-east-1',
      bucket: 'charts',
      prefix: '',
      keys: undefined,
      pathStyle: true,
      createBucket: false,
    });
  });

  test('takes keys, and a prefix with or without a slash at its end', async () => {
    const s3 =
      '{ endpoint: "https://s3.corp:9000/", bucket: charts, prefix: a/b, accessKeyId: "${ID}", secretAccessKey: "${KEY}", createBucket: true }';
    const config = configOf(
      await loadText(`store: { s3: ${s3} }\nupstreams: [{ name: a, url: ./a }]`, { ID: 'id', KEY: 'key' }),
    );
    expect(config.store).toMatchObject({
      endpoint: 'https://s3.corp:9000',
      prefix: 'a/b/',
      createBucket: true,
      keys: { accessKeyId: 'id' },
    });
    if (config.store.kind !== 's3') throw new Error('not a bucket');
    expect(await config.store.keys?.secretAccessKey.reveal()).toBe('key');
  });
});

test.each([
  ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
  ['0.0.0.0:8080', { host: '0.0.0.0', port: 8080 }],
  ['"[::1]:8080"', { host: '::1', port: 8080 }],
  ['charts.corp:443', { host: 'charts.corp', port: 443 }],
])('listens on %s', async (written, listen) => {
  const text = `server:\n  listen: ${written}\n  operations: 127.0.0.1:9090\nupstreams: [{ name: a, url: ./a }]`;
  expect(configOf(await loadText(text)).server).toMatchObject({
    listen,
    operations: { host: '127.0.0.1', port: 9090 },
  });
});

test.each([
  '8080',
  ':8080',
  '127.0.0.1',
  '"127.0.0.1:"',
  '256.0.0.1:80',
  '"::1:8080"',
  '"[::1]"',
  '"[1]:80"',
  'a_b:80',
  '"a:80 "',
  '-a:80',
])('does not listen on %s', async (written) => {
  const problems = problemsOf(await loadText(`server:\n  listen: ${written}\nupstreams: [{ name: a, url: ./a }]`));
  expect(problems.map(({ option }) => option)).toEqual(['server.listen']);
});

describe('the listen address of the environment', () => {
  const text = 'upstreams: [{ name: a, url: ./a }]\n';

  test('stands in for one that the file leaves out', async () => {
    const config = configOf(await loadText(text, { CHARTROOM_LISTEN: '0.0.0.0:8081' }));
    expect(config.server.listen).toEqual({ host: '0.0.0.0', port: 8081 });
  });

  test('gives way to the file', async () => {
    const config = configOf(
      await loadText(`server: { listen: "127.0.0.1:1" }\n${text}`, { CHARTROOM_LISTEN: '0.0.0.0:8081' }),
    );
    expect(config.server.listen).toEqual({ host: '127.0.0.1', port: 1 });
  });
});

describe('the data folder of the environment', () => {
  const text = 'upstreams: [{ name: a, url: ./a }]\n';

  test('stands in for a store that the file leaves out', async () => {
    const config = configOf(await loadText(text, { CHARTROOM_DATA: '/data' }));
    expect(config.store).toEqual({ kind: 'filesystem', path: '/data' });
  });

  test('gives way to the file', async () => {
    const config = configOf(
      await loadText(`store: { filesystem: { path: /srv } }\n${text}`, { CHARTROOM_DATA: '/data' }),
    );
    expect(config.store).toEqual({ kind: 'filesystem', path: '/srv' });
  });
});

test('anchors and aliases repeat what was said', async () => {
  const text =
    'upstreams:\n  - { name: a, url: ./a, charts: &some [nginx, "!b-*"] }\n  - { name: b, url: ./b, charts: *some }\n';
  expect(configOf(await loadText(text)).upstreams.map(({ charts }) => charts)).toEqual([
    ['nginx', '!b-*'],
    ['nginx', '!b-*'],
  ]);
});

describe('a file that cannot be read', () => {
  test('is a problem that says how to name another', async () => {
    const problems = problemsOf(await loadConfig('/nowhere/config.yaml', {}));
    expect(problems.map(describeProblem)).toEqual([
      '/nowhere/config.yaml: the file cannot be read (ENOENT); name another with --config FILE',
    ]);
  });

  test('is a problem when nobody named one', async () => {
    expect(problemsOf(await loadConfig(undefined, {})).map(describeProblem)).toEqual([
      'chartroom: no configuration file was named; name one with --config FILE or in CHARTROOM_CONFIG',
    ]);
  });

  test('is a problem when it is enormous', async () => {
    const problems = problemsOf(await loadText(Buffer.alloc(5 * mebibyte, '#')));
    expect(problems[0]?.message).toBe('the file is larger than 4 MiB');
  });
});

test.each([500, 700, 1000, 100_000])('%i brackets within each other do not exhaust the stack', async (depth) => {
  const problems = problemsOf(await loadText(`upstreams: ${'['.repeat(depth)}${']'.repeat(depth)}\n`));
  expect(problems.map(({ message }) => message)).toEqual(['brackets are nested too deeply']);
});

test('a problem is one line that editors can follow', async () => {
  const problems = problemsOf(await loadText('upstreams:\n  - name: a\n    urll: ./a\n'));
  expect(problems.map(describeProblem)).toEqual([
    expect.stringMatching(/config\.yaml:3:5 upstreams\[0\]\.urll: unknown option "urll"; did you mean "url"\?$/),
  ]);
});
