import { describe, expect, it } from 'vitest';

import { dockerPlace, keysFor } from '../../../src/upstream/credentials/docker-keys.ts';

/** Whether a key is for a registry and a path below it. */
const table: readonly (readonly [key: string, registry: string, path: string, matches: boolean])[] = [
  ['registry.corp', 'https://registry.corp', '', true],
  ['registry.corp', 'https://registry.corp', 'team/charts', true],
  ['REGISTRY.corp', 'https://registry.corp', '', true],
  ['registry.corp/', 'https://registry.corp', '', true],
  ['https://registry.corp', 'https://registry.corp', '', true],
  ['HTTPS://registry.corp/', 'https://registry.corp', '', true],
  ['http://registry.corp', 'https://registry.corp', '', true],
  ['https://registry.corp/v1/', 'https://registry.corp', 'charts', true],
  ['https://registry.corp/v2/', 'https://registry.corp', 'charts', true],
  ['registry.corp/v2', 'https://registry.corp', 'charts', true],
  ['registry.corp/v2/team', 'https://registry.corp', 'team', true],
  ['registry.corp/v2/team', 'https://registry.corp', 'other', false],
  ['registry.corp/v10', 'https://registry.corp', 'charts', false],
  ['registry.corp.evil.example', 'https://registry.corp', '', false],
  ['evil-registry.corp', 'https://registry.corp', '', false],
  ['corp', 'https://registry.corp', '', false],
  ['registry.corp:5000', 'https://registry.corp:5000', '', true],
  ['registry.corp', 'https://registry.corp:5000', '', false],
  ['registry.corp:5000', 'https://registry.corp', '', false],
  ['registry.corp:5000', 'https://registry.corp:5001', '', false],
  ['registry.corp:443', 'https://registry.corp', '', true],
  ['registry.corp:80', 'http://registry.corp', '', true],
  ['registry.corp:80', 'https://registry.corp', '', false],
  ['[::1]:5000', 'http://[::1]:5000', 'charts', true],
  ['127.0.0.1:5000', 'http://127.0.0.1:5000', '', true],
  ['*.corp', 'https://registry.corp', '', true],
  ['*.corp', 'https://a.registry.corp', '', false],
  ['*.registry.corp', 'https://registry.corp', '', false],
  ['*.*.corp', 'https://a.registry.corp', '', true],
  ['reg*.corp', 'https://registry.corp', '', true],
  ['*', 'https://registry.corp', '', false],
  ['*', 'https://registry', '', true],
  ['**.corp', 'https://a.registry.corp', '', false],
  ['*.corp:5000', 'https://registry.corp:5000', '', true],
  ['*.corp', 'https://registry.corp:5000', '', false],
  ['*.corp/team', 'https://registry.corp', 'team/charts', true],
  ['quay.io/org', 'https://quay.io', 'org', true],
  ['quay.io/org', 'https://quay.io', 'org/charts', true],
  ['quay.io/org/', 'https://quay.io', 'org/charts', true],
  ['quay.io/org', 'https://quay.io', 'organisation', false],
  ['quay.io/org/charts', 'https://quay.io', 'org', false],
  ['docker.io', 'https://registry-1.docker.io', 'bitnamicharts', true],
  ['index.docker.io', 'https://registry-1.docker.io', 'bitnamicharts', true],
  ['registry-1.docker.io', 'https://registry-1.docker.io', 'bitnamicharts', true],
  ['https://index.docker.io/v1/', 'https://registry-1.docker.io', 'bitnamicharts', true],
  ['docker.io/bitnamicharts', 'https://registry-1.docker.io', 'bitnamicharts', true],
  ['docker.io/other', 'https://registry-1.docker.io', 'bitnamicharts', false],
  ['hub.docker.io', 'https://registry-1.docker.io', '', false],
  ['docker.io:5000', 'https://registry-1.docker.io', '', false],
  ['', 'https://registry.corp', '', false],
  ['/', 'https://registry.corp', '', false],
  ['https://', 'https://registry.corp', '', false],
];

describe('a key of the Docker config file', () => {
  it.each(table)('"%s" is for %s with the path "%s": %s', (key, registry, path, matches) => {
    expect(keysFor([key], dockerPlace(new URL(registry), path))).toEqual(matches ? [key] : []);
  });

  it('comes before others that say less: by its path, then by its host', () => {
    const place = dockerPlace(new URL('https://quay.io'), 'org/charts');
    const keys = ['*.io', 'quay.io', '*.io/org', 'quay.io/org', 'quay.io/org/charts', 'https://quay.io/v2/'];
    expect(keysFor(keys, place)).toEqual([
      'quay.io/org/charts',
      'quay.io/org',
      '*.io/org',
      'quay.io',
      'https://quay.io/v2/',
      '*.io',
    ]);
  });
});
