import { describe, expect, test } from 'vitest';

import { configOf, loadText } from './support.ts';

describe('warns', () => {
  const warningsOf = async (text: string): Promise<readonly string[]> => {
    const loaded = await loadText(text);
    configOf(loaded);
    return 'warnings' in loaded ? loaded.warnings.map(({ option, message }) => `${option}: ${message}`) : [];
  };
  const auth = 'auth: { username: u, password: p }';

  test.each([
    [
      'a chart repository',
      `upstreams: [{ name: a, url: "http://a.corp/x", ${auth} }]`,
      'upstreams[0].url: the credentials are sent to a.corp without TLS',
    ],
    [
      'a registry',
      `upstreams: [{ name: a, url: "oci://a.corp:5000", plainHTTP: true, ${auth} }]`,
      'upstreams[0].url: the credentials are sent to a.corp:5000 without TLS',
    ],
    [
      'a bucket',
      'store: { s3: { endpoint: "http://s3.corp", bucket: abc, accessKeyId: a, secretAccessKey: b } }\nupstreams: [{ name: a, url: ./a }]',
      'store.s3.endpoint: the credentials are sent to s3.corp without TLS',
    ],
    [
      'a bucket of charts',
      'upstreams: [{ name: a, url: s3://abc, endpoint: "http://s3.corp", auth: { provider: aws } }]',
      'upstreams[0].endpoint: the credentials are sent to s3.corp without TLS',
    ],
    [
      'a server whose url has a token behind "?"',
      'upstreams: [{ name: a, url: "http://a.corp/charts?token=t" }]',
      'upstreams[0].url: what stands behind "?" is sent to a.corp without TLS',
    ],
    [
      'a server that wants a token',
      'upstreams: [{ name: a, url: "http://a.corp", auth: { token: t } }]',
      'upstreams[0].url: the credentials are sent to a.corp without TLS',
    ],
    [
      'a server that wants headers',
      'defaults: { auth: { headers: { A: b } } }\nupstreams: [{ name: a, url: "http://a.corp" }]',
      'upstreams[0].url: the credentials are sent to a.corp without TLS',
    ],
    [
      'another origin, once for all upstreams',
      `defaults: { passCredentials: ["http://b.corp"], ${auth} }\nupstreams: [{ name: a, url: "https://a.corp" }, { name: b, url: a.corp }]`,
      'defaults.passCredentials[0]: the credentials are sent to b.corp without TLS',
    ],
  ])('of credentials that others can read on their way to %s', async (_where, text, warning) => {
    expect(await warningsOf(text)).toEqual([expect.stringContaining(warning)]);
  });

  test('of certificates that nobody checks', async () => {
    const text =
      'defaults: { tls: { insecureSkipTLSVerify: true } }\nupstreams: [{ name: a, url: a.corp, tls: { insecureSkipTLSVerify: "${YES:-true}" } }, { name: b, url: b.corp, tls: { insecureSkipTLSVerify: false } }]';
    expect(await warningsOf(text)).toEqual(
      ['defaults', 'upstreams[0]'].map((where) =>
        expect.stringContaining(`${where}.tls.insecureSkipTLSVerify: certificates are not checked: anybody on the way`),
      ),
    );
  });

  test('of a variable without braces and of a host that may be a folder', async () => {
    const text = 'server: { adminToken: $TOKEN }\nupstreams: [{ name: a, url: charts/stable }]';
    expect(await warningsOf(text)).toEqual([
      'server.adminToken: taken as it is; a variable is written "${NAME}"',
      expect.stringContaining('upstreams[0].url: taken as the registry oci://charts/stable'),
    ]);
  });

  test.each([
    [
      'one upstream',
      'upstreams: [{ name: a, url: ./a, maxShrink: 20% }, { name: b, url: ./b, maxShrink: 20%, withdrawn: drop }]',
      ['upstreams[0].maxShrink'],
    ],
    [
      'an upstream that is heard before the defaults',
      'defaults: { withdrawn: drop, maxShrink: 20% }\nupstreams: [{ name: a, url: ./a, withdrawn: keep, maxShrink: 0% }, { name: b, url: ./b }]',
      ['upstreams[0].maxShrink'],
    ],
    [
      'all of them',
      'defaults: { maxShrink: 20% }\nupstreams: [{ name: a, url: ./a, maxShrink: 0% }, { name: b, url: ./b }]',
      ['defaults.maxShrink', 'upstreams[0].maxShrink'],
    ],
  ])('of a share that may be lost where %s keeps everything', async (_who, text, options) => {
    expect(await warningsOf(text)).toEqual(
      options.map(
        (option) =>
          `${option}: it does nothing where withdrawn versions are kept; write withdrawn: drop, or leave it out`,
      ),
    );
  });

  test.each([
    `upstreams: [{ name: a, url: "https://a.corp/x", ${auth} }]`,
    `upstreams: [{ name: a, url: "http://127.0.0.1:8080/x", ${auth} }]`,
    `upstreams: [{ name: a, url: "oci://localhost:5000", plainHTTP: true, ${auth} }]`,
    'upstreams: [{ name: a, url: "http://a.corp/x" }]',
    'upstreams: [{ name: a, url: s3://abc, endpoint: "http://s3.corp" }]',
    'upstreams: [{ name: a, url: s3://abc, endpoint: "http://localhost:9000", auth: { provider: aws } }]',
    'upstreams: [{ name: a, url: "https://a.corp", passCredentials: ["http://b.corp"] }]',
    'defaults: { auth: { provider: aws } }\nupstreams: [{ name: a, url: "http://a.corp" }]',
    'upstreams: [{ name: a, url: ./a, withdrawn: drop, maxShrink: 0% }]',
    'defaults: { withdrawn: drop }\nupstreams: [{ name: a, url: ./a, maxShrink: 0% }]',
    'defaults: { maxShrink: 0% }\nupstreams: [{ name: a, url: ./a }, { name: b, url: ./b, withdrawn: drop }]',
    'defaults: { withdrawn: drop }\nupstreams: [{ name: a, url: ./a, withdrawn: keep }]',
  ])('not of %s', async (text) => expect(await warningsOf(text)).toEqual([]));
});
