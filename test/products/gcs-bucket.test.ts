import { describe, expect, it } from 'vitest';

import { ManualClock } from '../support/clock.ts';
import { fakeGoogle } from '../support/cloud/google.ts';
import { reachable } from '../support/cloud/trust.ts';
import { answerAsGoogle, fakeGoogleBucket, type FakeGoogleBucket } from '../support/fake-gcs.ts';
import { faultOf, never } from '../support/http.ts';
import { naiveClient } from '../support/products/naive.ts';
import { openNamed } from '../support/products/recipes.ts';
import {
  bytesOf,
  expectShelf,
  indexOf,
  isUnchanged,
  shelfOf,
  toldTo,
  type Shelved,
} from '../support/products/shelf.ts';

const host = 'storage.googleapis.com';
const environment = { GOOGLE_OAUTH_ACCESS_TOKEN: 'canary-access-1' };

/** A private bucket for whoever has the first token that Google gives; without an index until it gets one. */
async function world(more: Partial<FakeGoogleBucket> = {}) {
  const shelf = await shelfOf('nginx 1.0.0', 'nginx 1.1.0+build.5', 'redis 2.0.0');
  const bucket = fakeGoogleBucket({ bucket: 'acme-charts', tokens: new Set(['canary-access-1']), ...more });
  for (const { file, archive, provenance = '' } of shelf) {
    bucket.objects.set(`stable/${file}`, { bytes: archive });
    bucket.objects.set(`stable/${file}.prov`, { bytes: Buffer.from(provenance) });
  }
  const google = fakeGoogle();
  const internet = await reachable({ ...google.sites, [host]: (request) => answerAsGoogle(bucket, request) });
  const files = { 'gcp-key.json': JSON.stringify(google.serviceAccount) };
  return { shelf, bucket, google, internet, surroundings: { internet, files, environment } };
}

describe("a bucket of Google's", () => {
  it.each([
    ['relative urls', ({ file }: Shelved) => file],
    ['gs:// urls, as helm-gcs writes them', ({ file }: Shelved) => `gs://acme-charts/stable/${file}`],
    ['https:// urls of its own', ({ file }: Shelved) => `https://${host}/acme-charts/stable/${file}`],
  ])('is read as its recipe says: an index with %s', async (_, urlOf) => {
    const { shelf, bucket, internet, surroundings } = await world();
    bucket.objects.set('stable/index.yaml', { bytes: Buffer.from(indexOf(shelf, { urlOf })) });
    const { settings, authenticatedBy } = await openNamed('GCS bucket', 'gcs', surroundings);
    const listing = await expectShelf(settings.upstream, shelf);
    internet.forget();
    expect(await isUnchanged(settings.upstream, listing)).toBe(true);
    expect(internet.requests.map(({ target }) => target)).toEqual(['/acme-charts/stable/index.yaml']);
    expect(authenticatedBy()).toBe('Google key file');
  });

  it('is read as its recipe says: archives without an index', async () => {
    const { shelf, google, internet, surroundings } = await world({ pageSize: 2 });
    const { upstream } = (await openNamed('GCS bucket', 'gcs', surroundings)).settings;
    const listing = await expectShelf(upstream, shelf);
    internet.forget();
    expect(await isUnchanged(upstream, listing)).toBe(true);
    expect(internet.requests.map(({ path }) => path)).toEqual([
      '/acme-charts/stable/index.yaml',
      ...Array.from({ length: 3 }, () => '/storage/v1/b/acme-charts/o'),
    ]);
    expect(google.given).toHaveLength(1);
  });

  it('is read with an access token', async () => {
    const { shelf, surroundings } = await world();
    const { upstream } = (await openNamed('GCS bucket', 'gcs-token', surroundings)).settings;
    await expectShelf(upstream, shelf);
  });

  it('gets another token from Google when one is refused', async () => {
    const { shelf, bucket, google, surroundings } = await world();
    bucket.objects.set('stable/index.yaml', { bytes: Buffer.from(indexOf(shelf, { urlOf: ({ file }) => file })) });
    const clock = new ManualClock(Date.now());
    const { upstream } = (await openNamed('GCS bucket', 'gcs', { ...surroundings, clock })).settings;
    await upstream.list(undefined, never);
    bucket.tokens.clear();
    bucket.tokens.add('canary-access-2');
    await clock.advance(60_000);
    expect(await upstream.list(undefined, never)).toHaveProperty('claims');
    expect(google.given).toHaveLength(2);
  });

  it('says so when the access token has expired, and does not say which it was', async () => {
    const { bucket, surroundings } = await world();
    bucket.tokens.clear();
    bucket.tokens.add('another');
    const { upstream } = (await openNamed('GCS bucket', 'gcs-token', surroundings)).settings;
    const fault = await faultOf(upstream.list(undefined, never));
    expect(fault.message).toBe(
      'gcs-token: the server refused these credentials for GET /acme-charts/stable/index.yaml (401).',
    );
    expect(JSON.stringify([fault.message, fault.advice, fault.stack])).not.toContain('canary');
  });

  it('says so when the key was revoked', async () => {
    const { google, surroundings } = await world();
    google.revoke();
    const { upstream } = (await openNamed('GCS bucket', 'gcs', surroundings)).settings;
    const fault = await faultOf(upstream.list(undefined, never));
    expect(fault).toMatchObject({ code: 'unauthorized', message: 'gcs: Google gave no credentials (invalid_grant).' });
  });

  it('is told its own token, and no other bucket is', async () => {
    const { internet, surroundings } = await world();
    const { upstream } = (await openNamed('GCS bucket', 'gcs', surroundings)).settings;
    await bytesOf(upstream, `https://${host}/other/x.tgz`, 'archive').catch(() => undefined);
    await faultOf(bytesOf(upstream, 'gs://other/x.tgz', 'archive'));
    expect(internet.requests.map(({ target }) => target)).toEqual(['/other/x.tgz']);
    expect(toldTo(internet.requests)).not.toContain('canary');
  });

  it('unpacks what is stored as gzip for naive clients, so that archives are no longer what they were', async () => {
    const { shelf, bucket, internet, surroundings } = await world();
    const [nginx] = shelf;
    bucket.objects.set('stable/nginx-1.0.0.tgz', { bytes: nginx?.archive ?? Buffer.alloc(0), gzip: true });
    const { upstream } = (await openNamed('GCS bucket', 'gcs', surroundings)).settings;
    await expectShelf(upstream, shelf);
    const ask = await naiveClient(internet);
    const url = `https://${host}/acme-charts/stable/nginx-1.0.0.tgz`;
    expect((await ask(url, { authorization: 'Bearer canary-access-1' })).body).toContain('Chart.yaml');
    expect((await ask(url)).status).toBe(403);
  });
});
