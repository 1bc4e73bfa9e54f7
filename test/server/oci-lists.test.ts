import { describe, expect, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import { FakeImages } from '../support/fake-images.ts';
import { errorIn, openImageDoors } from './oci-doors.ts';
import { openDoors, type Answer } from './open-doors.ts';

const tagsPath = '/v2/nginx/tags/list';

interface List {
  readonly name?: string;
  readonly tags?: readonly string[];
  readonly repositories?: readonly string[];
}

function listIn(answer: Answer): List {
  return JSON.parse(answer.body.toString()) as List;
}

/** Where the link to the next page leads, which is in the registry. */
function nextOf({ headers: { link = '' } }: Answer): string | undefined {
  return /^<(\/v2\/.*)>; rel="next"$/.exec(String(link))?.[1];
}

/** Doors whose nginx has versions 1.0.0 to 1.0.`count - 1`. */
async function doorsWithTags(count: number) {
  const doors = await openDoors();
  const tags = Array.from({ length: count }, (_, at) => `1.0.${at}`);
  doors.images.putManifest(Buffer.from('{}'), tags);
  return { ...doors, tags: tags.toSorted() };
}

describe('the list of tags', () => {
  test('has them all, under the name that was asked for', async () => {
    const { ask, tags } = await doorsWithTags(12);
    const answer = await ask(tagsPath);

    expect(answer.status).toBe(200);
    expect(listIn(answer)).toEqual({ name: 'nginx', tags });
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-cache',
    });
    expect(answer.headers).not.toHaveProperty('link');
    expect(listIn(await ask('/v2/all/nginx/tags/list')).name).toBe('all/nginx');
    expect((await ask(tagsPath, { method: 'HEAD' })).headers['content-length']).toBe(String(answer.body.length));
  });

  test('has a thousand on a page, however many are asked for, and links lead through all', async () => {
    const { ask, tags } = await doorsWithTags(2500);
    for (const query of ['', '?n=1000', '?n=10000', `?n=${Number.MAX_SAFE_INTEGER}`]) {
      const found: string[] = [];
      let at: string | undefined = `${tagsPath}${query}`;
      for (let pages = 0; at !== undefined && pages < 5; pages += 1) {
        const answer = await ask(at);
        expect(listIn(answer).tags?.length).toBeLessThanOrEqual(1000);
        found.push(...(listIn(answer).tags ?? []));
        at = nextOf(answer);
      }
      expect(found).toEqual(tags);
    }
  });

  test('ends without a link when a page ends with the last tag', async () => {
    const { ask, tags } = await doorsWithTags(4);
    const first = await ask(`${tagsPath}?n=2`);

    expect(first.headers.link).toBe(`</v2/nginx/tags/list?n=2&last=${tags[1]}>; rel="next"`);
    expect((await ask(`${tagsPath}?n=2&last=${tags[1]}`)).headers).not.toHaveProperty('link');
  });

  test('is empty for n=0, and leads nowhere', async () => {
    const { ask } = await doorsWithTags(4);
    const answer = await ask(`${tagsPath}?n=0`);

    expect(listIn(answer)).toEqual({ name: 'nginx', tags: [] });
    expect(answer.headers).not.toHaveProperty('link');
  });

  test.each(['-1', 'abc', '1e9', '1.5', '+5', '', '%201', '0x10', '9999999999999999999', '१'])(
    'is 400 for n=%s',
    async (n) => {
      const { ask } = await doorsWithTags(4);
      for (const address of [tagsPath, '/v2/_catalog']) {
        const answer = await ask(`${address}?n=${encodeURI(n)}`);
        expect(answer.status).toBe(400);
        expect(errorIn(answer.body).code).toBe('PAGINATION_NUMBER_INVALID');
      }
    },
  );

  test.each([
    ['1.0.1', 2],
    ['1.0.10', 2],
    ['1.0.4', 0],
    ['', 4],
    ['0', 4],
    ['stable/nginx', 0],
    ['%00', 4],
    ['%ff', 0],
    ['z'.repeat(8000), 0],
  ])('begins behind last=%.20s, whether there is such a tag or not', async (last, left) => {
    const { ask } = await doorsWithTags(4);
    const answer = await ask(`${tagsPath}?last=${last}`);

    expect(answer.status).toBe(200);
    expect(listIn(answer).tags).toHaveLength(left);
  });

  test('follows the tags that there are, whatever was answered before', async () => {
    const { ask, images } = await doorsWithTags(3);
    const first = await ask(tagsPath);
    images.putManifest(Buffer.from('{}'), ['0.0.1']);

    expect(listIn(await ask(tagsPath)).tags).toEqual(['0.0.1', ...(listIn(first).tags ?? [])]);
  });

  test('of what nobody has is NAME_UNKNOWN, which makes clients look at the catalog', async () => {
    const { ask } = await openDoors();

    expect(errorIn((await ask(tagsPath)).body).code).toBe('NAME_UNKNOWN');
  });
});

describe('the catalog', () => {
  async function doorsWithNames() {
    const images = new FakeImages();
    const doors = await openDoors({ images });
    doors.mirror.repositoryNames = ['stable', 'stable-x', 'edge'];
    for (const repository of doors.mirror.repositoryNames) {
      for (const chart of ['nginx', 'app']) images.putManifest(Buffer.from('{}'), ['1.0.0'], { repository, chart });
    }
    return { ...doors, images };
  }

  test('has the charts of every repository, those of the root without its name too, in the order of bytes', async () => {
    const { ask } = await doorsWithNames();

    expect(listIn(await ask('/v2/_catalog')).repositories).toEqual([
      'app',
      'edge/app',
      'edge/nginx',
      'nginx',
      'stable-x/app',
      'stable-x/nginx',
      'stable/app',
      'stable/nginx',
    ]);
  });

  test('has pages', async () => {
    const { ask } = await doorsWithNames();
    const first = await ask('/v2/_catalog?n=3');

    expect(listIn(first).repositories).toEqual(['app', 'edge/app', 'edge/nginx']);
    expect(first.headers.link).toBe('</v2/_catalog?n=3&last=edge%2Fnginx>; rel="next"');
    const last = await ask('/v2/_catalog?n=5&last=edge%2Fnginx');
    expect(listIn(last).repositories).toHaveLength(5);
    expect(last.headers).not.toHaveProperty('link');
  });

  test('follows what repositories there are, and what they have', async () => {
    const { ask, images, mirror } = await doorsWithNames();
    await ask('/v2/_catalog');
    mirror.repositoryNames = ['edge'];
    expect(listIn(await ask('/v2/_catalog')).repositories).toEqual(['app', 'edge/app', 'edge/nginx', 'nginx']);
    mirror.rootless = true;
    expect(listIn(await ask('/v2/_catalog')).repositories).toEqual(['edge/app', 'edge/nginx']);
    images.putManifest(Buffer.from('{}'), ['1.0.0'], { repository: 'edge', chart: 'news' });
    expect(listIn(await ask('/v2/_catalog')).repositories).toContain('edge/news');
  });

  test('is of the repositories that have a list, and a failure while none has', async () => {
    const { ask, images, mirror } = await doorsWithNames();
    const never = new Fault('unavailable', 'None of the upstreams was ever listed.', 'Try again.');
    images.fail('edge', never);
    const { repositories: some = [] } = listIn(await ask('/v2/_catalog'));
    for (const { name } of mirror.repositories()) images.fail(name, never);
    const none = await ask('/v2/_catalog');

    expect(some.some((name) => name.startsWith('edge/'))).toBe(false);
    expect(some.length).toBeGreaterThan(0);
    expect([none.status, none.headers['retry-after']]).toEqual([503, '5']);
  });
});

describe('the list of referrers', () => {
  const signature = 'application/vnd.dev.cosign.artifact.sig.v1+json';
  const digestBy = (at: number) => `sha256:${String(at).padStart(64, '0')}` as const;

  test('is an image index with their kinds and annotations', async () => {
    const { ask, images, manifestDigest, signatureDigest } = await openImageDoors();
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    const one = { mediaType, digest: signatureDigest, size: 32, artifactType: signature, annotations: { a: 'b' } };
    images.putReferrers(manifestDigest, [one, { mediaType, digest: digestBy(1), size: 7 }]);
    const answer = await ask(`/v2/nginx/referrers/${manifestDigest}`);

    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('application/vnd.oci.image.index.v1+json');
    expect(answer.headers).not.toHaveProperty('oci-filters-applied');
    expect(JSON.parse(answer.body.toString())).toEqual({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [{ mediaType, digest: digestBy(1), size: 7 }, one],
    });
    const filtered = await ask(`/v2/nginx/referrers/${manifestDigest}?artifactType=${encodeURIComponent(signature)}`);
    expect(filtered.headers['oci-filters-applied']).toBe('artifactType');
    expect(JSON.parse(filtered.body.toString())).toMatchObject({ manifests: [one] });
  });

  test('is empty where nothing refers, and for digests that nobody has', async () => {
    const { ask, manifestDigest } = await openImageDoors();
    for (const digest of [manifestDigest, digestBy(2), `sha512:${'0'.repeat(128)}`]) {
      const answer = await ask(`/v2/nginx/referrers/${digest}`);
      expect(answer.status).toBe(200);
      expect(JSON.parse(answer.body.toString())).toMatchObject({ schemaVersion: 2, manifests: [] });
    }
  });

  test('that is larger than clients read is on several pages', async () => {
    const { ask, images, manifestDigest } = await openImageDoors();
    const annotations = { much: 'x'.repeat(1_500_000) };
    const all = [5, 3, 1, 2, 4].map((at) => ({
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: digestBy(at),
      size: 1,
      artifactType: signature,
      annotations,
    }));
    images.putReferrers(manifestDigest, all);
    const found: string[] = [];
    let at: string | undefined = `/v2/nginx/referrers/${manifestDigest}?artifactType=${encodeURIComponent(signature)}`;
    while (at !== undefined && found.length <= all.length) {
      const answer = await ask(at);
      expect(answer.body.length).toBeLessThan(4 * 2 ** 20);
      const { manifests } = JSON.parse(answer.body.toString()) as { manifests: { digest: string }[] };
      found.push(...manifests.map(({ digest }) => digest));
      at = nextOf(answer);
    }

    expect(found).toEqual([1, 2, 3, 4, 5].map(digestBy));
  });
});
