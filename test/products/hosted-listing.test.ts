import { describe, expect, it } from 'vitest';

import { systemClock } from '../../src/lib/clock.ts';
import { readRows, withQueryOf, type ApiListing } from '../../src/upstream/discovery/api.ts';
import { isRow } from '../../src/upstream/discovery/api.ts';
import { hostedDiscovery } from '../../src/upstream/discovery/hosted.ts';
import { registryAddress } from '../../src/upstream/registry/address.ts';
import { faultUpstream, type Answer } from '../support/fault-upstream.ts';
import { faultOf, httpClientOf, never } from '../support/http.ts';

/** The listing of an API that answers these in turn. */
async function listingOf(...answers: readonly Answer[]): Promise<ApiListing> {
  const server = await faultUpstream();
  server.on('/rows', ...answers);
  const http = httpClientOf(server.origin);
  const next: ApiListing['next'] = ({ url, body }) => withQueryOf(url, isRow(body) ? body['next'] : undefined);
  return {
    ...{ upstream: 'nexus', http, clock: systemClock, signal: never, url: server.url('/rows'), rows: 'rows', next },
    advice: 'Ask for more rights.',
  };
}

const page = (rows: unknown, next?: string): Answer => ({ body: JSON.stringify({ rows, next }) });

describe("the listing of a product's API", () => {
  it('is all of its pages, found by the query of the next alone', async () => {
    const elsewhere = 'https://elsewhere.example/other?page=2';
    expect(await readRows(await listingOf(page([1], elsewhere), page([2])))).toEqual([1, 2]);
  });

  it.each([
    ['null', page(null), []],
    ['an object without anything', { body: '{}' }, []],
    ['nothing but the name of the next page', { body: '{"nextPageToken":"x"}' }, []],
    ['a 404', { status: 404 }, undefined],
  ])('may be empty: %s', async (_, answer, rows) => {
    expect(await readRows(await listingOf(answer))).toEqual(rows);
  });

  it.each([
    ['leads in a circle', [page([1], '?page=2'), page([2], '?page=2')]],
    ['ends in a 404', [page([1], '?page=2'), { status: 404 }]],
    ['is a page for people', [{ body: '<html>' }]],
    ['says something else', [{ body: '{"message":"sorry"}' }]],
    ['has no list where one should be', [page('none')]],
  ])('is refused when it %s', async (_, answers) => {
    expect(await faultOf(readRows(await listingOf(...answers)))).toMatchObject({ code: 'listing-invalid' });
  });

  it('fails as a whole when a page of it does', async () => {
    const fault = await faultOf(readRows(await listingOf(page([1], '?page=2'), { status: 500 })));
    expect([fault.code, fault.message]).toEqual([
      'upstream-failed',
      expect.stringMatching(/^nexus: answered 500 Internal Server Error to GET \/rows at 127\.0\.0\.1:\d+\.$/),
    ]);
  });

  it('says what to do where the credentials do not suffice', async () => {
    const fault = await faultOf(readRows(await listingOf({ status: 403 })));
    expect([fault.code, fault.advice]).toEqual(['forbidden', 'Ask for more rights.']);
  });
});

describe('a hosted product', () => {
  const productAt = (url: string): string | undefined =>
    hostedDiscovery({
      ...{ upstream: 'nexus', address: registryAddress('nexus', url, url.startsWith('http:')), clock: systemClock },
      ...{ http: httpClientOf('http://127.0.0.1:1'), login: undefined },
      reach: { trusted: [new URL('https://nexus.corp')], archiveHosts: [], allowPrivateNetwork: false },
      openApi: () => httpClientOf('http://127.0.0.1:1'),
    })?.product;

  it.each([
    ['oci://123456789012.dkr.ecr.eu-central-1.amazonaws.com/charts', 'Amazon ECR'],
    ['oci://123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com', 'Amazon ECR'],
    ['oci://123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn', 'Amazon ECR'],
    ['oci://123456789012.dkr-ecr.eu-west-1.on.aws', 'Amazon ECR'],
    ['oci://public.ecr.aws/acme', 'Amazon ECR Public'],
    ['oci://europe-west1-docker.pkg.dev/acme/charts', 'Artifact Registry'],
    ['oci://gcr.io/acme', 'Artifact Registry'],
    ['oci://asia.gcr.io/acme', 'Artifact Registry'],
    ['oci://acme.azurecr.io/helm', 'Azure Container Registry'],
    ['oci://acme.azurecr.cn/helm', 'Azure Container Registry'],
    ['oci://docker.io/acme', 'Docker Hub'],
    ['oci://index.docker.io/acme', 'Docker Hub'],
    ['oci://ghcr.io/acme', 'GitHub'],
    ['oci://registry.digitalocean.com/acme', 'DigitalOcean'],
    ['oci://fra.ocir.io/acme', 'Oracle Cloud'],
    ['oci://ocir.eu-frankfurt-1.oci.oraclecloud.com/acme', 'Oracle Cloud'],
  ])('is told from %s', (url, product) => {
    expect(productAt(url)).toBe(product);
  });

  it.each([
    'oci://123456789012.dkr.ecr.eu-central-1.amazonaws.com.evil.example/charts',
    'oci://x123456789012.dkr.ecr.eu-central-1.amazonaws.com/charts',
    'oci://public.ecr.aws.evil.example/acme',
    'oci://evilgcr.io/acme',
    'oci://gcr.io.evil.example/acme',
    'oci://docker.pkg.dev.evil.example/acme/charts',
    'oci://azurecr.io/helm',
    'oci://acme.azurecr.io.evil.example/helm',
    'oci://docker.io.evil.example/acme',
    'oci://ghcr.io.evil.example/acme',
    'oci://xghcr.io/acme',
    'oci://registry.digitalocean.com.evil.example/acme',
    'oci://ghcr.io:8443/acme',
    'http://ghcr.io/acme',
  ])('is nobody that merely looks like it: %s', (url) => {
    expect(productAt(url)).toBeUndefined();
  });
});
