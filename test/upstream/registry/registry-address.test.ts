import { describe, expect, it } from 'vitest';

import { registryAddress, repositoryAt } from '../../../src/upstream/registry/address.ts';

describe('the address of a registry', () => {
  it.each([
    ['oci://ghcr.io/org/charts', 'https://ghcr.io', 'org/charts'],
    ['ghcr.io/org/charts/', 'https://ghcr.io', 'org/charts'],
    ['https://ghcr.io/org', 'https://ghcr.io', 'org'],
    ['oci://registry.corp:5000', 'https://registry.corp:5000', ''],
    ['localhost:5000/charts', 'https://localhost:5000', 'charts'],
    ['oci://[::1]:5000/charts', 'https://[::1]:5000', 'charts'],
    ['docker.io/bitnamicharts', 'https://registry-1.docker.io', 'bitnamicharts'],
    ['index.docker.io/x/y', 'https://registry-1.docker.io', 'x/y'],
  ])('%s is %s and %s', (url, origin, path) => {
    const address = registryAddress('x', url, false);
    expect([address.origin.origin, address.path]).toEqual([origin, path]);
    expect(registryAddress('x', url, true).origin.protocol).toBe('http:');
  });

  it.each([
    '',
    'oci://',
    'ghcr.io/Org',
    'ghcr.io/org/x:1.0.0',
    'ghcr.io/../x',
    'u:p@ghcr.io/x',
    'ftp://ghcr.io/x',
    'ghcr.io/x?y',
  ])('is not %j', (url) => {
    expect(() => registryAddress('x', url, false)).toThrow('x: its url is not the address of a registry.');
  });

  it('gives a lone name at Docker Hub its library', () => {
    expect(repositoryAt(registryAddress('x', 'docker.io', false), 'nginx')).toBe('library/nginx');
    expect(repositoryAt(registryAddress('x', 'docker.io/bitnamicharts', false), 'nginx')).toBe('bitnamicharts/nginx');
    expect(repositoryAt(registryAddress('x', 'ghcr.io', false), 'nginx')).toBe('nginx');
  });
});
