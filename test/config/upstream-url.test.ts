import { describe, expect, test } from 'vitest';

import { isLoopback, readPlace, type UpstreamType } from '../../src/config/upstream-url.ts';

describe('the type of an upstream is told from its url', () => {
  test.each<[url: string, type: UpstreamType, normal: string]>([
    ['https://stefanprodan.github.io/podinfo', 'chart-repository', 'https://stefanprodan.github.io/podinfo'],
    ['http://charts.corp', 'chart-repository', 'http://charts.corp/'],
    ['HTTPS://Charts.Corp/a', 'chart-repository', 'https://charts.corp/a'],
    ['https://charts.corp/a?sig=abc&x=1', 'chart-repository', 'https://charts.corp/a?sig=abc&x=1'],
    [
      'https://210987654321.dkr.ecr.eu-central-1.amazonaws.com/charts',
      'registry',
      'oci://210987654321.dkr.ecr.eu-central-1.amazonaws.com/charts',
    ],
    ...[
      'dkr.ecr-fips.us-gov-west-1.amazonaws.com',
      'dkr.ecr.cn-north-1.amazonaws.com.cn',
      'dkr.ecr.eusc-de-east-1.amazonaws.eu',
      'dkr-ecr.eu-central-1.on.aws',
      'dkr-ecr-fips.us-east-1.on.aws',
      'dkr-ecr.cn-north-1.on.amazonwebservices.com.cn',
    ].map((host): [url: string, type: UpstreamType, normal: string] => [
      `https://210987654321.${host}/x`,
      'registry',
      `oci://210987654321.${host}/x`,
    ]),
    ['https://corp.azurecr.cn', 'registry', 'oci://corp.azurecr.cn'],
    ['https://corp.azurecr.us/x', 'registry', 'oci://corp.azurecr.us/x'],
    ['https://azurecr.io/x', 'chart-repository', 'https://azurecr.io/x'],
    ['https://corp.azurecr.de/x', 'chart-repository', 'https://corp.azurecr.de/x'],
    ['https://charts.s3.eu-west-1.on.aws/x', 'chart-repository', 'https://charts.s3.eu-west-1.on.aws/x'],
    ['s3://charts', 'bucket', 's3://charts'],
    ['S3://charts.corp/', 'bucket', 's3://charts.corp'],
    ["s3://charts/a/B_(1)+2.3='x'!@~*/", 'bucket', "s3://charts/a/B_(1)+2.3='x'!@~*"],
    ['gs://my_charts/stable', 'bucket', 'gs://my_charts/stable'],
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

  test('what looks like a token is not shown', () => {
    const token = '0123456789abcdef'.repeat(2);
    expect(readPlace(`charts/${token}`, undefined)).toMatchObject({
      doubt: 'taken as the registry oci://charts/[secret]; for a folder write "./charts/[secret]"',
    });
    expect(readPlace(`http://a.corp/${token}/x`, 'registry')).toMatchObject({
      message: 'a registry without TLS is written "oci://a.corp/[secret]/x" with plainHTTP: true',
    });
  });
});

describe('a written type', () => {
  test.each<[url: string, type: UpstreamType, normal: string]>([
    ['https://ghcr.io/x/y', 'chart-repository', 'https://ghcr.io/x/y'],
    ['https://harbor.corp/project', 'registry', 'oci://harbor.corp/project'],
    ['charts/stable', 'folder', 'charts/stable'],
    ['charts/stable', 'registry', 'oci://charts/stable'],
    ['s3://charts', 'bucket', 's3://charts'],
  ])('is heard: %s as %s', (url, type, normal) => expect(readPlace(url, type)).toEqual({ type, url: normal }));

  test.each<[url: string, type: UpstreamType, option: 'url' | 'type', message: string]>([
    ['oci://a.corp/x', 'chart-repository', 'type', 'the url is that of a registry'],
    ['https://a.corp/x', 'folder', 'type', 'the url is that of a chart-repository'],
    ['./x', 'registry', 'type', 'the url is that of a folder'],
    ['file:///x', 'chart-repository', 'type', 'the url is that of a folder'],
    ['http://a.corp/x', 'registry', 'url', 'written "oci://a.corp/x" with plainHTTP: true'],
    ['a.corp/x', 'chart-repository', 'url', 'with its scheme'],
    ['s3://charts', 'registry', 'type', 'the url is that of a bucket'],
    ['https://minio.corp/charts', 'bucket', 'url', 'is written in endpoint'],
    ['charts/stable', 'bucket', 'url', 'a bucket is written "s3://bucket/prefix"'],
    ['oci://a.corp/x', 'bucket', 'type', 'the url is that of a registry'],
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
    ['s3://', '"" is no name of a bucket'],
    ['s3://ab', 'is no name of a bucket'],
    ['s3://Charts', 'is no name of a bucket'],
    ['s3://my_charts', 'is no name of a bucket'],
    ['s3://-charts', 'is no name of a bucket'],
    [`s3://${'x'.repeat(64)}`, 'is no name of a bucket'],
    ['s3://10.0.0.1/charts', 'is written in endpoint'],
    ['s3://minio.corp:9000/charts', 'is written in endpoint'],
    ['s3://key:secret@charts', 'user name or password'],
    ['s3://charts?x', 'no query'],
    ['gs://charts#x', 'no query'],
    ['gs://charts//x', 'the prefix'],
    ['gs://charts/x//', 'the prefix'],
    ['gs://charts/../x', 'the prefix'],
    ['gs://charts/%2e%2e/x', 'the prefix'],
    ['gs://charts/a\\b', 'the prefix'],
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
