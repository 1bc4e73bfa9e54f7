import { describe, expect, it } from 'vitest';

import { Fault } from '../../../src/chart/fault.ts';
import {
  bucketAddress,
  encodedAnew,
  encodeKey,
  isInBucket,
  isSpeakable,
  placeOf,
} from '../../../src/upstream/bucket/address.ts';

const home = (url: string, region = 'eu-central-1', endpoint?: string): string =>
  placeOf(bucketAddress('fixture', url), region, endpoint).home.href;

describe('the address of a bucket', () => {
  it.each([
    ['s3://charts', 's3', 'charts', ''],
    ['s3://charts/', 's3', 'charts', ''],
    ['gs://my.charts/stable', 'gs', 'my.charts', 'stable/'],
    ['gs://charts/a/b c/', 'gs', 'charts', 'a/b c/'],
  ])('%s is read', (url, scheme, bucket, prefix) => {
    expect(bucketAddress('fixture', url)).toEqual({ scheme, bucket, prefix });
  });

  it.each([
    'https://charts',
    's3://',
    's3:///x',
    's3://a@b/c',
    's3://a:1/c',
    's3://charts/../other',
    's3://charts/a//b',
  ])('%s is none', (url) => {
    expect(() => bucketAddress('fixture', url)).toThrow(Fault);
  });

  it.each([
    ['s3://charts/stable', 'eu-central-1', undefined, 'https://charts.s3.eu-central-1.amazonaws.com/'],
    ['s3://charts', 'cn-north-1', undefined, 'https://charts.s3.cn-north-1.amazonaws.com.cn/'],
    ['s3://my.charts', 'us-east-1', undefined, 'https://s3.us-east-1.amazonaws.com/my.charts/'],
    ['s3://My_Charts', 'us-east-1', undefined, 'https://s3.us-east-1.amazonaws.com/My_Charts/'],
    ['s3://charts', 'us-east-1', 'http://minio.corp:9000', 'http://minio.corp:9000/charts/'],
    ['gs://charts', 'us-east-1', undefined, 'https://storage.googleapis.com/charts/'],
    ['gs://charts', 'us-east-1', 'http://127.0.0.1:4443', 'http://127.0.0.1:4443/charts/'],
  ])('%s in %s at %s is asked for at %s', (url, region, endpoint, place) => {
    expect(home(url, region, endpoint)).toBe(place);
  });
});

describe('a key in a url', () => {
  it.each([
    ['a/b-1.0.0+x.tgz', 'a/b-1.0.0%2Bx.tgz'],
    ["we'ird (1)!*.tgz", 'we%27ird%20%281%29%21%2A.tgz'],
    ['a:b.tgz', 'a%3Ab.tgz'],
    ['a%2Fb.tgz', 'a%252Fb.tgz'],
    ['..a/b..', '..a/b..'],
    ['ü.tgz', '%C3%BC.tgz'],
  ])('%s is %s, also when it came in another encoding', (key, path) => {
    expect(encodeKey(key)).toBe(path);
    expect(encodedAnew(path)).toBe(path);
    expect(new URL(path, 'https://host/bucket/').pathname).toBe(`/bucket/${path}`);
  });

  it('keeps what is not an encoding as it is', () => {
    expect(encodedAnew('100%.tgz')).toBe('100%25.tgz');
    expect(encodedAnew('a+b.tgz')).toBe('a%2Bb.tgz');
    expect(encodedAnew('a%2Fb.tgz')).toBe('a/b.tgz');
  });

  it.each(['a/../b', 'a%2F..%2Fb', '..%2fb', 'a/%2E', '%2e%2E/b'])('never leads elsewhere, as %s would', (path) => {
    expect(encodedAnew(path)).toBeUndefined();
  });

  it.each(['/a.tgz', 'a//b.tgz', '../a.tgz', 'a/./b.tgz', 'a/..', '\ud800.tgz', '\ufffd.tgz'])(
    '%j cannot be said',
    (key) => {
      expect(isSpeakable(key)).toBe(false);
    },
  );
});

describe('what belongs to a bucket', () => {
  const byPath = placeOf(bucketAddress('fixture', 's3://charts'), 'us-east-1', 'https://minio.corp');
  const google = placeOf(bucketAddress('fixture', 'gs://charts'), '', undefined);

  it.each([
    [byPath, 'https://minio.corp/charts/a.tgz', true],
    [byPath, 'https://minio.corp/charts/?list-type=2', true],
    [byPath, 'https://minio.corp/charts-2/a.tgz', false],
    [byPath, 'https://minio.corp/charts/../other/a.tgz', false],
    [byPath, 'https://minio.corp/charts/%2e%2e/other/a.tgz', false],
    [byPath, 'https://minio.corp:444/charts/a.tgz', false],
    [byPath, 'http://minio.corp/charts/a.tgz', false],
    [google, 'https://storage.googleapis.com/charts/a.tgz', true],
    [google, 'https://storage.googleapis.com/storage/v1/b/charts/o?prefix=', true],
    [google, 'https://storage.googleapis.com/storage/v1/b/other/o', false],
    [google, 'https://storage.googleapis.com/other/a.tgz', false],
  ])('is told apart from its neighbours (%#)', (place, url, expected) => {
    expect(isInBucket(place, new URL(url))).toBe(expected);
  });
});
