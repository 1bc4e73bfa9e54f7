import { generateKeyPairSync } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { ManualClock } from '../support/clock.ts';
import { reachable } from '../support/cloud/trust.ts';
import { faultOf, never } from '../support/http.ts';
import type { Internet } from '../support/internet.ts';
import {
  artifactRegistry,
  type ArtifactRegistry,
  type ArtifactRegistryOptions,
} from '../support/products/artifact-registry.ts';
import {
  fetchAll,
  hostsTold,
  listed,
  namesIn,
  openUnhurried,
  requestsOf,
  requestsToFetch,
  smallNames,
} from '../support/products/hosted-registry.ts';
import { naiveClient } from '../support/products/naive.ts';
import { json, largeShelf, smallShelf, type RegistryShelf } from '../support/products/registry-shelf.ts';
import { basicOf, isUnchanged } from '../support/products/shelf.ts';

const product = 'Artifact Registry and gcr.io';
const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
const key = JSON.stringify({
  ...{ type: 'service_account', project_id: 'acme-prod', private_key_id: 'canary-key-0001', private_key: privateKey },
  client_email: 'charts@acme-prod.iam.gserviceaccount.com',
  token_uri: 'https://oauth2.googleapis.com/token',
});
const europe = {
  host: 'europe-west1-docker.pkg.dev',
  parent: 'projects/acme-prod/locations/europe-west1/repositories/charts',
  path: 'acme-prod/charts',
};
const environment = { GCP_KEY: key, GCP_KEY_64: Buffer.from(key).toString('base64'), ACCESS_TOKEN: 'ya29.first' };
const byToken = { auth: { username: 'oauth2accesstoken', password: '${ACCESS_TOKEN}' } };
const byKey = { auth: { username: '_json_key', password: '${GCP_KEY}' } };

async function openGoogle(
  shelf: RegistryShelf,
  options: Partial<ArtifactRegistryOptions> = {},
): Promise<{ readonly google: ArtifactRegistry; readonly internet: Internet }> {
  const google = artifactRegistry(shelf, { ...europe, key, ...options });
  return { google, internet: await reachable(google.sites) };
}

describe('Artifact Registry', () => {
  it('is listed, described and fetched with its recipe, by the key of a service account', async () => {
    const shelf = smallShelf(europe.path);
    shelf.push(`${europe.path}/team/mimir`, '2.0.0');
    const { internet } = await openGoogle(shelf);
    const here = { auth: { provider: 'gcp', keyFile: 'gcp-key.json' }, charts: ['*', 'team/*', '!some-image'] };
    const recipe = await openUnhurried(product, { internet, files: { 'gcp-key.json': key } }, here);
    const listing = await listed(recipe);
    const all = [...smallNames, 'mimir 2.0.0'].toSorted();
    expect(namesIn(listing)).toEqual(all);
    expect(await fetchAll(recipe.settings.upstream, listing)).toEqual(all);
    expect(recipe.authenticatedBy()).toBe(`Google key file, token of ${europe.host}`);
    expect(hostsTold(internet, 'ya29.first')).toEqual(['artifactregistry.googleapis.com', europe.host]);
    expect(hostsTold(internet, privateKey)).toEqual([]);
  });

  it.each([
    ['an access token', byToken, environment.ACCESS_TOKEN, ['artifactregistry.googleapis.com', europe.host]],
    ['a key as it is', byKey, key, [europe.host]],
    [
      'a key in base64',
      { auth: { username: '_json_key_base64', password: '${GCP_KEY_64}' } },
      environment.GCP_KEY_64,
      [europe.host],
    ],
    ['nothing, where strangers may read', { auth: undefined }, key, []],
  ])('is listed and fetched with %s', async (_, change, secret, hosts) => {
    const { internet } = await openGoogle(smallShelf(europe.path), { isPublic: true });
    const recipe = await openUnhurried(product, { internet, environment }, { ...change, charts: ['nginx', 'loki'] });
    const listing = await listed(recipe);
    expect(namesIn(listing)).toEqual(smallNames);
    expect(await fetchAll(recipe.settings.upstream, listing)).toEqual(smallNames);
    expect(hostsTold(internet, secret)).toEqual(hosts);
  });

  it.each([
    ['by the API', byToken],
    ['by the registry', byKey],
  ])('answers under the names of Container Registry, %s', async (_, change) => {
    const { internet } = await openGoogle(smallShelf('acme-prod'), {
      host: 'eu.gcr.io',
      parent: 'projects/acme-prod/locations/europe/repositories/eu.gcr.io',
      path: 'acme-prod',
    });
    const here = { ...change, url: 'oci://eu.gcr.io/acme-prod', charts: ['nginx', 'loki'] };
    const recipe = await openUnhurried(product, { internet, environment }, here);
    const listing = await listed(recipe);
    expect(await fetchAll(recipe.settings.upstream, listing)).toEqual(smallNames);
  });

  it('refuses whoever believes its catalog, brings no token, or brings one to where the blobs are', async () => {
    const { internet } = await openGoogle(smallShelf(europe.path));
    const naive = await naiveClient(internet);
    const at = `https://${europe.host}/v2`;
    expect(await naive(`${at}/_catalog`)).toMatchObject({ status: 401 });
    const asked = await naive(`${at}/token`, { authorization: basicOf('_json_key', key) });
    const authorization = `Bearer ${(JSON.parse(asked.body) as { token: string }).token}`;
    expect(await naive(`${at}/_catalog`, { authorization })).toEqual({ status: 200, body: '{"repositories":[]}' });
    const manifest = await naive(`${at}/${europe.path}/nginx/manifests/1.0.0`, { authorization });
    const config = /"config":.*?(sha256:\w+)/.exec(manifest.body)?.[1];
    expect(await naive(`${at}/${europe.path}/nginx/blobs/${config}`, { authorization })).toMatchObject({ status: 400 });
  });

  it.each([
    ['2 requests', 'an access token, and 2', byToken, 2, 2],
    ['303', 'a key, and 101', byKey, 303, 101],
  ])('takes %s for 100 charts with 20 versions with %s while nothing changed', async (_, __, change, first, later) => {
    const shelf = largeShelf(europe.path, 100, 20);
    const { internet } = await openGoogle(shelf);
    const recipe = await openUnhurried(product, { internet, environment }, change);
    const [cold, listing] = await requestsOf(internet, () => listed(recipe));
    expect([cold, namesIn(listing).length]).toEqual([first, 2000]);
    const { upstream } = recipe.settings;
    expect(await requestsOf(internet, () => isUnchanged(upstream, listing))).toEqual([later, true]);
    shelf.push(`${europe.path}/chart-7`, '1.0.1');
    expect((await requestsOf(internet, () => isUnchanged(upstream, listing)))[1]).toBe(false);
  });

  it('takes 3 requests for each version once, and 2 for the token of a chart', async () => {
    const { internet } = await openGoogle(largeShelf(europe.path, 1, 20));
    const recipe = await openUnhurried(product, { internet, environment }, byToken);
    const listing = await listed(recipe);
    // the archive of each is two more
    expect(await requestsToFetch(internet, recipe, listing)).toBe(2 + 20 * (3 + 2));
  });

  it('says when a token is wrong, may not list, or the address is', async () => {
    const { google, internet } = await openGoogle(smallShelf(europe.path));
    const faultWith = async (change: object) => {
      const { settings } = await openUnhurried(product, { internet, environment }, { ...byToken, ...change });
      return faultOf(settings.upstream.list(undefined, never));
    };
    const path = '/v1/projects/acme-prod/locations/europe-west1/repositories/charts/dockerImages';
    const expired = await faultWith({ auth: { username: 'oauth2accesstoken', password: 'ya29.expired' } });
    expect([expired.code, expired.message]).toEqual([
      'unauthorized',
      `artifact-registry: the server refused these credentials for GET ${path} at artifactregistry.googleapis.com (401).`,
    ]);
    expect(expired.advice).toContain('Artifact Registry Reader');
    const wrongKey = await faultWith({ auth: { username: '_json_key', password: '{}' } });
    expect(wrongKey.code).toBe('unauthorized');
    const shown = 'artifact-registry: Google shows us no repository acme-prod/carts.';
    const url = `oci://${europe.host}/acme-prod/carts`;
    expect(await faultWith({ url })).toMatchObject({ code: 'invalid-reference', message: shown });
    expect(await faultWith({ url, ...byKey })).toMatchObject({ code: 'invalid-reference', message: shown });
    const project = await faultWith({ url: `oci://${europe.host}/acme-prod` });
    expect(project.message).toContain('listed one repository at a time, and the url names none');
    google.api = json({ error: { code: 403, status: 'PERMISSION_DENIED' } }, 403);
    expect(await faultWith({})).toMatchObject({ code: 'forbidden' });
  });

  it('asks for another access token when one is refused', async () => {
    const { google, internet } = await openGoogle(smallShelf(europe.path));
    const here = { auth: { provider: 'gcp', keyFile: 'gcp-key.json' } };
    const clock = new ManualClock();
    const recipe = await openUnhurried(product, { internet, clock, files: { 'gcp-key.json': key } }, here);
    const listing = await listed(recipe);
    google.renew('ya29.second');
    await clock.advance(60_000);
    expect(await isUnchanged(recipe.settings.upstream, listing)).toBe(true);
    expect(await recipe.settings.upstream.describe(`${europe.path}/nginx:1.0.0`, never)).toBeDefined();
  });
});
