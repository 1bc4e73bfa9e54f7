import { describe, expect, it } from 'vitest';

import { publicPath } from '../../src/lib/public-path.ts';

const shown = (url: string): string => publicPath(new URL(url));

describe('a path that is shown', () => {
  it.each([
    ['https://dl.cloudsmith.io/short/acme/charts/', '/[secret]/acme/charts/'],
    [
      'https://dl.cloudsmith.io/zX3pQ8aB1cD2eF4g/acme/charts/helm/charts/index.yaml',
      '/[secret]/acme/charts/helm/charts/index.yaml',
    ],
    ['https://charts.corp/zX3pQ8aB1cD2eF4g/acme/index.yaml', '/[secret]/acme/index.yaml'],
    ['https://charts.corp/x/ghp_0123456789abcdefghij/index.yaml', '/x/[secret]/index.yaml'],
    ['https://charts.corp/glpat-abcdefghij_klmnop', '/[secret]'],
    ['https://packagecloud.io/priv/0123456789abcdef0123456789abcdef0123456789abcdef/x', '/priv/[secret]/x'],
    ['https://charts.corp/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln/index.yaml', '/[secret]/index.yaml'],
  ])('hides the token of %s', (url, path) => {
    expect(shown(url)).toBe(path);
  });

  it.each([
    ['https://dl.cloudsmith.io/public/acme/charts/index.yaml', '/public/acme/charts/index.yaml'],
    ['https://dl.cloudsmith.io/basic/acme/charts/index.yaml', '/basic/acme/charts/index.yaml'],
    ['https://dl.cloudsmith.io/', '/'],
    ['file:///tmp/chartroom-Ab1xYz2/charts', '/tmp/chartroom-Ab1xYz2/charts'],
    ['https://charts.corp/short/acme/index.yaml', '/short/acme/index.yaml'],
    ['https://charts.corp/Team-Platform_Charts/index.yaml', '/Team-Platform_Charts/index.yaml'],
    ['https://charts.corp/kube-prometheus-stack-75.15.1.tgz', '/kube-prometheus-stack-75.15.1.tgz'],
    [
      'https://git.corp/api/v4/projects/group%2Fproject/packages/helm/stable',
      '/api/v4/projects/group%2Fproject/packages/helm/stable',
    ],
    ['https://ghcr.io/v2/acme/charts/manifests/1.0.0', '/v2/acme/charts/manifests/1.0.0'],
    [`https://ghcr.io/v2/acme/blobs/sha256:${'0a'.repeat(32)}`, `/v2/acme/blobs/sha256:${'0a'.repeat(32)}`],
  ])('leaves %s as it is', (url, path) => {
    expect(shown(url)).toBe(path);
  });
});
