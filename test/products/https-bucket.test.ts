import { describe, expect, it } from 'vitest';

import { openConfigured } from '../support/configured.ts';
import { faultOf, never } from '../support/http.ts';
import { openInternet } from '../support/internet.ts';
import { azureBlob, presignedS3, publicGcs, publicS3 } from '../support/products/https-bucket.ts';
import { naiveClient } from '../support/products/naive.ts';
import { openNamed } from '../support/products/recipes.ts';
import { bytesOf, expectShelf, isUnchanged, shelfOf, toldTo } from '../support/products/shelf.ts';

const azure = 'acmecharts.blob.core.windows.net';
const s3 = 'acme-charts.s3.eu-central-1.amazonaws.com';
const gcs = 'storage.googleapis.com';
const environment = { AZURE_SAS: 'sv=2024-11-04&sr=c&sp=r&sig=c4nary%2Bsig%3D' };

async function world() {
  const shelf = await shelfOf('nginx 1.0.0', 'nginx 1.1.0', 'nginx 1.2.0+build.5');
  const sites = { [azure]: azureBlob(shelf, 'c4nary+sig='), [s3]: publicS3(shelf), [gcs]: publicGcs(shelf) };
  return { shelf, internet: await openInternet(sites) };
}

describe('a bucket behind HTTPS', () => {
  it.each(['azure-blob', 's3-public', 'gcs-public'])('is read as its recipe says: %s', async (name) => {
    const { shelf, internet } = await world();
    const { upstream } = (await openNamed('HTTPS bucket', name, { internet, environment })).settings;
    const listing = await expectShelf(upstream, shelf);
    expect(await isUnchanged(upstream, listing)).toBe(true);
    expect(internet.requests.at(-1)?.headers['if-none-match']).toBe(listing.validator.etag);
  });

  it('on Azure is sent its signature with every relative address, as it was written', async () => {
    const { shelf, internet } = await world();
    const { upstream, url } = (await openNamed('HTTPS bucket', 'azure-blob', { internet, environment })).settings;
    await expectShelf(upstream, shelf);
    expect(new Set(internet.requests.map(({ target }) => target.split('?')[1]))).toEqual(
      new Set([environment.AZURE_SAS]),
    );
    expect(url).toBe(`https://${azure}/charts`);
  });

  it('on Azure refuses a signature that has expired, and the message does not have it', async () => {
    const { internet } = await world();
    const expired = { AZURE_SAS: 'sv=2024-11-04&sr=c&sp=r&sig=c4nary-expired' };
    const { upstream } = (await openNamed('HTTPS bucket', 'azure-blob', { internet, environment: expired })).settings;
    const fault = await faultOf(upstream.list(undefined, never));
    expect(fault).toMatchObject({
      code: 'forbidden',
      message: 'azure-blob: the server does not allow GET /charts/index.yaml with these credentials (403).',
    });
    expect(JSON.stringify([fault.message, fault.advice, fault.stack])).not.toContain('c4nary');
  });

  it('on S3 is forbidden where nothing is, and the advice is to look at the name, too', async () => {
    const { internet } = await world();
    const { upstream } = (await openNamed('HTTPS bucket', 's3-public', { internet, environment })).settings;
    const fault = await faultOf(bytesOf(upstream, 'nginx-9.9.9.tgz', 'archive'));
    expect(fault).toMatchObject({ code: 'forbidden', advice: expect.stringContaining('name is right') as string });
  });

  it('on S3 has nothing at a plus sign that is not encoded, which is a space there', async () => {
    const { internet } = await world();
    const ask = await naiveClient(internet);
    expect((await ask(`https://${s3}/stable/nginx-1.2.0+build.5.tgz`)).status).toBe(403);
    expect((await ask(`https://${s3}/stable/nginx-1.2.0%2Bbuild.5.tgz`)).status).toBe(200);
  });

  it('on S3 refuses who brings credentials it did not ask for', async () => {
    const { internet } = await world();
    const ask = await naiveClient(internet);
    expect((await ask(`https://${s3}/stable/index.yaml`)).status).toBe(200);
    expect((await ask(`https://${s3}/stable/index.yaml`, { authorization: 'Basic eDp5' })).status).toBe(400);
  });

  it('on Azure has nothing for who loses the signature on the way to an archive', async () => {
    const { internet } = await world();
    const ask = await naiveClient(internet);
    expect((await ask(`https://${azure}/charts/nginx-1.0.0.tgz?${environment.AZURE_SAS}`)).status).toBe(200);
    expect((await ask(`https://${azure}/charts/nginx-1.0.0.tgz`)).status).toBe(404);
  });

  it('behind a presigned address shows its index and no archive', async () => {
    const shelf = await shelfOf('nginx 1.0.0');
    const internet = await openInternet({ [s3]: presignedS3(shelf) });
    const recipe = `upstreams:\n  - { name: presigned, url: 'https://${s3}/stable?X-Amz-Signature=f00d' }\n`;
    const { upstream } = (await openConfigured(recipe, { internet })).settings;
    expect(await upstream.list(undefined, never)).toMatchObject({ rejected: {} });
    const fault = await faultOf(bytesOf(upstream, 'nginx-1.0.0.tgz', 'archive'));
    expect(fault.code).toBe('forbidden');
    expect(fault.message).not.toContain('f00d');
    expect(toldTo(internet.requests)).toContain('f00d');
  });
});
