import { describe, expect, test } from 'vitest';

import { isLoopback, readPlace, type UpstreamType } from '../../src/config/upstream-url.ts';

describe('the type of an upstream is told from its url', () => {
  test.each<[url: string, type: UpstreamType, normal: string]>([
    ['https://stefanprodan.github.io/podinfo', 'chart-repository', 'https://stefanprodan.github.io/podinfo'],
    ['http://charts.corp', 'chart-repository', 'http://charts.corp/'],
    ['HTTPS://Charts.Corp/a', 'chart-repository', 'https://charts.corp/a'],
    ['https://charts.corp/a?sig=abc&x=1', 'chart-repository', 'https://charts.corp/a?sig=abc&x=1'],
    [
      'https://1234.dkr.ecr.eu-central-1.amazonaws.com/charts',
      'registry',
      'oci://1234.dkr.ecr.eu-central-1.amazonaws.com/charts',
    ],
    ['https://public.ecr.aws/karpenter', 'registry', 'oci://public.ecr.aws/karpenter'],
    ['https://corp.azurecr.io/helm', 'registry', 'oci://corp.azurecr.io/helm'],
    ['https://ghcr.io/stefanprodan/charts/', 'registry', 'oci://ghcr.io/stefanprodan/charts'],
    ['https://GHCR.io/stefanprodan', 'registry', 'oci://ghcr.io/stefanprodan'],
    ['https://europe-docker.pkg.dev/project/charts', 'registry', 'oci://europe-docker.pkg.dev/project/charts'],
    ['https://gcr.io/project', 'registry', 'oci://gcr.io/project'],
    ['https://eu.gcr.io/project', 'registry', 'oci://eu.gcr.io/project'],
    ['https://docker.io/bitnamicharts', 'registry', 'oci://docker.io/bitnamicharts'],
    ['https://registry-1.docker.io/bitnamicharts', 'registry', 'oci://registry-1.docker.io/bitnamicharts'],
    ['https://notghcr.io/x', 'chart-repository', 'https://notghcr.io/x'],
    ['https://mygcr.io/x', 'chart-repository', 'https://mygcr.io/x'],
    ['https://ghcr.io.evil.corp/x', 'chart-repository', 'https://ghcr.io.evil.corp/x'],
    ['https://s3.amazonaws.com/charts', 'chart-repository', 'https://s3.amazonaws.com/charts'],
    ['oci://registry.corp', 'registry', 'oci://registry.corp'],
    ['oci://registry.corp:5000/charts', 'registry', 'oci://registry.corp:5000/charts'],
    ['OCI://registry.corp/charts', 'registry', 'oci://registry.corp/charts'],
    ['oci://[::1]:5000/charts', 'registry', 'oci://[::1]:5000/charts'],
    ['ghcr.io/stefanprodan/charts', 'registry', 'oci://ghcr.io/stefanprodan/charts'],
    ['localhost:5000/charts', 'registry', 'oci://localhost:5000/charts'],
    ['registry.corp', 'registry', 'oci://registry.corp'],
    ['./charts', 'folder', './charts'],
    ['../charts', 'folder', '../charts'],
    ['.', 'folder', '.'],
    ['/srv/charts', 'folder', '/srv/charts'],
    ['file:///srv/my%20charts', 'folder', '/srv/my charts'],
  ])('%s: %s', (url, type, normal) => {
    expect(readPlace(url, undefined)).toEqual({ type, url: normal });
  });

  test('a host without a dot may be a registry, but is pointed out', () => {
    expect(readPlace('charts/stable', undefined)).toEqual({
      type: 'registry',
      url: 'oci://charts/stable',
      doubt: 'taken as the registry oci://charts/stable; for a folder write "./charts/stable"',
    });
  });
});

describe('a written type', () => {
  test.each<[url: string, type: UpstreamType, normal: string]>([
    ['https://ghcr.io/x/y', 'chart-repository', 'https://ghcr.io/x/y'],
    ['https://harbor.corp/project', 'registry', 'oci://harbor.corp/project'],
    ['charts/stable', 'folder', 'charts/stable'],
    ['charts/stable', 'registry', 'oci://charts/stable'],
  ])('is heard: %s as %s', (url, type, normal) => expect(readPlace(url, type)).toEqual({ type, url: normal }));

  test.each<[url: string, type: UpstreamType, option: 'url' | 'type', message: string]>([
    ['oci://a.corp/x', 'chart-repository', 'type', 'the url is that of a registry'],
    ['https://a.corp/x', 'folder', 'type', 'the url is that of a chart-repository'],
    ['./x', 'registry', 'type', 'the url is that of a folder'],
    ['file:///x', 'chart-repository', 'type', 'the url is that of a folder'],
    ['http://a.corp/x', 'registry', 'url', 'written "oci://a.corp/x" with plainHTTP: true'],
    ['a.corp/x', 'chart-repository', 'url', 'with its scheme'],
  ])('must fit: %s is no %s', (url, type, option, message) => {
    expect(readPlace(url, type)).toEqual({ option, message: expect.stringContaining(message) });
  });
});

describe('a url is refused', () => {
  test.each([
    ['https://user@a.corp/x', 'user name or password'],
    ['https://user:pass@a.corp/x', 'user name or password'],
    ['oci://user:pass@a.corp/x', 'user name or password'],
    ['user:pass@a.corp/x', 'user name or password'],
    ['https://a.corp/x#y', 'never sent'],
    ['https://a.corp/index.yaml', 'without "/index.yaml"'],
    ['https://', 'not a url'],
    ['https://a.corp:99999/', 'not a url'],
    ['https://a.corp/ x', 'spaces'],
    ['https://a.corp/\u0000', 'control characters'],
    [`https://a.corp/${'x'.repeat(3000)}`, 'longer than'],
    ['oci://a.corp/x?y=1', 'no query'],
    ['oci://a.corp/x:1.2.3', 'without tag or digest'],
    [`oci://a.corp/x@sha256:${'0'.repeat(64)}`, 'without tag or digest'],
    ['oci://a.corp/Charts', 'lower case'],
    ['oci://a.corp/../x', 'lower case'],
    ['oci:///x', 'not a host'],
    ['oci://a.corp:99999/x', 'not a host'],
    ['file://server/share', 'not the url of a local folder'],
    ['file:///a%2fb', 'not the url of a local folder'],
    ['s3://bucket/prefix', 'not supported yet'],
    ['gs://bucket', 'not supported yet'],
    ['git://a.corp/x', 'the scheme "git" is unknown'],
  ])('%s: %s', (url, message) => {
    expect(readPlace(url, undefined)).toEqual({ option: 'url', message: expect.stringContaining(message) });
  });
});

test('knows which hosts are this machine', () => {
  expect(['localhost', '127.0.0.1', '127.8.9.10', '[::1]', 'a.localhost'].filter((host) => !isLoopback(host))).toEqual(
    [],
  );
  expect(['127.0.0.1.corp', 'localhost.corp', '10.0.0.1', '0.0.0.0', '[::]'].filter(isLoopback)).toEqual([]);
});
