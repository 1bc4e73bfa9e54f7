import { createHash } from 'node:crypto';

import { expect } from 'vitest';

import type { Digest } from '../../src/chart/digest.ts';

/** A repository of a registry, and what is known to be in it. */
export interface ConformanceSubject {
  /** `http://host:port`, where `/v2/` is. */
  readonly base: string;
  /** `stable/nginx`. */
  readonly name: string;
  readonly tag: string;
  /** Every tag of the list; `tag` may be one that lists leave out. */
  readonly tags: readonly string[];
  /** What the tag says. */
  readonly manifest: Digest;
  /** Config and layers. */
  readonly blobs: readonly Digest[];
  /** What refers to the manifest; may be none. */
  readonly referrers: readonly ConformanceReferrer[];
}

export interface ConformanceReferrer {
  readonly digest: Digest;
  readonly artifactType?: string;
}

/** A case of the distribution specification that reading alone can tell, and what it asks of a registry. */
export type ConformanceCase = readonly [title: string, check: (subject: ConformanceSubject) => Promise<void>];

const manifestTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];
const codes = [
  'BLOB_UNKNOWN',
  'DIGEST_INVALID',
  'MANIFEST_INVALID',
  'MANIFEST_UNKNOWN',
  'NAME_INVALID',
  'NAME_UNKNOWN',
  'DENIED',
  'UNSUPPORTED',
];
const nobodys: Digest = `sha256:${createHash('sha256').update('nobody has this').digest('hex')}`;

/** The read-only cases: support, pull, content discovery, and their errors. */
export const conformanceCases: readonly ConformanceCase[] = [
  ['says that it is a registry', async ({ base }) => void (await ok(`${base}/v2/`))],
  ['pulls the manifest by its tag', async (subject) => isManifest(subject, await get(subject, tagPath(subject)))],
  [
    'pulls the manifest by its digest',
    async (subject) => isManifest(subject, await get(subject, `manifests/${subject.manifest}`)),
  ],
  [
    'tells HEAD of a manifest what GET would, by tag and by digest',
    async (subject) => {
      for (const path of [tagPath(subject), `manifests/${subject.manifest}`]) await isHeadOf(subject, path);
    },
  ],
  [
    'pulls every blob',
    async (subject) => {
      for (const digest of subject.blobs) await isBlob(digest, await get(subject, `blobs/${digest}`));
    },
  ],
  [
    'tells HEAD of a blob what GET would',
    async (subject) => {
      for (const digest of subject.blobs) await isHeadOf(subject, `blobs/${digest}`);
    },
  ],
  ['resumes a blob by a range', (subject) => resumes(subject)],
  ['lists the tags in order', (subject) => listsTags(subject)],
  ['lists as many tags as are asked for, and goes on behind the last', (subject) => pagesTags(subject)],
  [
    'lists nothing when no tag is asked for',
    async (subject) => {
      const answer = await get(subject, 'tags/list?n=0');
      expect(((await answer.json()) as TagList).tags).toEqual([]);
      expect(answer.headers.get('link')).toBeNull();
    },
  ],
  ['leads through all tags by its links', (subject) => followsLinks(subject)],
  ['lists what refers to the manifest', (subject) => listsReferrers(subject)],
  ['lists what refers to it by its kind', (subject) => filtersReferrers(subject)],
  [
    'lists no referrers of what it does not have',
    async (subject) => {
      expect(await referrersOf(await get(subject, `referrers/${nobodys}`))).toEqual([]);
    },
  ],
  ['does not have a manifest that was never there, by tag', (subject) => isMissing(subject, 'manifests/never-there')],
  ['does not have a manifest that was never there, by digest', (subject) => isMissing(subject, `manifests/${nobodys}`)],
  ['does not have a blob that was never there', (subject) => isMissing(subject, `blobs/${nobodys}`)],
  [
    'refuses a digest that is none',
    async (subject) => {
      for (const path of ['manifests/sha256:baddigeststring', 'blobs/sha256:baddigeststring']) {
        await isRefused(subject, path, [400, 404]);
      }
      await isRefused(subject, 'referrers/sha256:baddigeststring', [400]);
    },
  ],
  [
    'does not know a repository that was never there',
    async (subject) => {
      const never = { ...subject, name: `${subject.name}-never-there` };
      for (const path of ['manifests/1.0.0', `blobs/${nobodys}`, 'tags/list']) await isRefused(never, path, [404]);
    },
  ],
  ['takes no pushes', (subject) => takesNothing(subject)],
];

interface TagList {
  readonly name: string;
  readonly tags: readonly string[];
}

const tagPath = ({ tag }: ConformanceSubject): string => `manifests/${tag}`;

function ask({ base, name }: ConformanceSubject, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${base}/v2/${name}/${path}`, {
    ...init,
    headers: { accept: manifestTypes.join(', '), ...init.headers },
  });
}

async function get(subject: ConformanceSubject, path: string): Promise<Response> {
  const answer = await ask(subject, path);
  expect([path, answer.status]).toEqual([path, 200]);
  return answer;
}

async function ok(url: string): Promise<Response> {
  const answer = await fetch(url);
  expect(answer.status).toBe(200);
  return answer;
}

async function digestOfBody(answer: Response): Promise<string> {
  const bytes = Buffer.from(await answer.arrayBuffer());
  expect(answer.headers.get('content-length')).toBe(String(bytes.length));
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

async function isManifest({ manifest }: ConformanceSubject, answer: Response): Promise<void> {
  const type = answer.headers.get('content-type');
  expect(manifestTypes).toContain(type);
  expect(answer.headers.get('docker-content-digest')).toBe(manifest);
  const { mediaType } = (await answer.clone().json()) as { readonly mediaType?: string };
  expect(mediaType ?? type).toBe(type);
  expect(await digestOfBody(answer)).toBe(manifest);
}

async function isBlob(digest: Digest, answer: Response): Promise<void> {
  expect(answer.headers.get('docker-content-digest')).toBe(digest);
  expect(await digestOfBody(answer)).toBe(digest);
}

async function isHeadOf(subject: ConformanceSubject, path: string): Promise<void> {
  const [whole, head] = [await get(subject, path), await ask(subject, path, { method: 'HEAD' })];
  await whole.arrayBuffer();
  expect(head.status).toBe(200);
  expect((await head.arrayBuffer()).byteLength).toBe(0);
  for (const header of ['content-length', 'content-type', 'docker-content-digest']) {
    expect(head.headers.get(header)).toBe(whole.headers.get(header));
  }
}

async function resumes(subject: ConformanceSubject): Promise<void> {
  for (const digest of subject.blobs) {
    const whole = Buffer.from(await (await get(subject, `blobs/${digest}`)).arrayBuffer());
    const half = whole.length >> 1;
    const answer = await ask(subject, `blobs/${digest}`, { headers: { range: `bytes=${half}-` } });
    expect(answer.status).toBe(206);
    expect(answer.headers.get('content-range')).toBe(`bytes ${half}-${whole.length - 1}/${whole.length}`);
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(whole.subarray(half));
    const behind = await ask(subject, `blobs/${digest}`, { headers: { range: `bytes=${whole.length}-` } });
    expect(behind.status).toBe(416);
    await behind.arrayBuffer();
  }
}

async function tagsOf(subject: ConformanceSubject, query = ''): Promise<readonly string[]> {
  const list = (await (await get(subject, `tags/list${query}`)).json()) as TagList;
  expect(list.name).toBe(subject.name);
  expect(list.tags).toEqual(list.tags.toSorted());
  return list.tags;
}

async function listsTags(subject: ConformanceSubject): Promise<void> {
  expect(await tagsOf(subject)).toEqual(subject.tags.toSorted().slice(0, 1000));
}

async function pagesTags(subject: ConformanceSubject): Promise<void> {
  const all = subject.tags.toSorted();
  const half = Math.ceil(all.length / 2);
  expect(await tagsOf(subject, `?n=${half}`)).toEqual(all.slice(0, half));
  expect(await tagsOf(subject, `?last=${all[half - 1]}`)).toEqual(all.slice(half, half + 1000));
  expect(await tagsOf(subject, `?n=1&last=${all[half - 1]}`)).toEqual(all.slice(half, half + 1));
}

async function followsLinks(subject: ConformanceSubject): Promise<void> {
  const all = subject.tags.toSorted().slice(0, 30);
  const found: string[] = [];
  let url: URL | undefined = new URL(`/v2/${subject.name}/tags/list?n=1`, subject.base);
  while (url && found.length < all.length) {
    const answer = await ok(url.href);
    found.push(...((await answer.json()) as TagList).tags);
    const [, next] = /^<(.*)>; rel="next"$/.exec(answer.headers.get('link') ?? '') ?? [];
    url = next === undefined ? undefined : new URL(next, url);
  }
  expect(found).toEqual(all);
  expect(url !== undefined).toBe(all.length < subject.tags.length);
}

async function referrersOf(answer: Response): Promise<readonly ConformanceReferrer[]> {
  expect(answer.headers.get('content-type')).toBe('application/vnd.oci.image.index.v1+json');
  const index = (await answer.json()) as Record<string, unknown>;
  expect(index).toMatchObject({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json' });
  return index['manifests'] as readonly ConformanceReferrer[];
}

const named = ({ digest, artifactType }: ConformanceReferrer): string => `${digest} ${artifactType}`;

async function listsReferrers(subject: ConformanceSubject): Promise<void> {
  const found = await referrersOf(await get(subject, `referrers/${subject.manifest}`));
  expect(found.map(named).toSorted()).toEqual(subject.referrers.map(named).toSorted());
  for (const { digest } of found) await digestIs(digest, await get(subject, `manifests/${digest}`));
}

async function digestIs(digest: Digest, answer: Response): Promise<void> {
  expect(await digestOfBody(answer)).toBe(digest);
}

async function filtersReferrers(subject: ConformanceSubject): Promise<void> {
  const kinds = new Set(subject.referrers.map(({ artifactType }) => artifactType ?? ''));
  for (const kind of [...kinds, 'application/vnd.nobody.knows']) {
    if (kind === '') continue;
    const query = new URLSearchParams({ artifactType: kind });
    const answer = await get(subject, `referrers/${subject.manifest}?${query}`);
    expect(answer.headers.get('oci-filters-applied')).toBe('artifactType');
    const wanted = subject.referrers.filter(({ artifactType }) => artifactType === kind);
    expect((await referrersOf(answer)).map(named).toSorted()).toEqual(wanted.map(named).toSorted());
  }
}

async function isMissing(subject: ConformanceSubject, path: string): Promise<void> {
  await isRefused(subject, path, [404]);
  const head = await ask(subject, path, { method: 'HEAD' });
  expect(head.status).toBe(404);
  await head.arrayBuffer();
}

async function isRefused(subject: ConformanceSubject, path: string, statuses: readonly number[]): Promise<void> {
  const answer = await ask(subject, path);
  expect([path, statuses.includes(answer.status)]).toEqual([path, true]);
  await isError(answer);
}

async function isError(answer: Response): Promise<void> {
  const { errors } = (await answer.json()) as { readonly errors: readonly Record<string, unknown>[] };
  expect(errors.length).toBeGreaterThan(0);
  for (const { code, message } of errors) {
    expect(codes).toContain(code);
    expect(message).toEqual(expect.any(String));
  }
}

async function takesNothing(subject: ConformanceSubject): Promise<void> {
  const writes: readonly (readonly [method: string, path: string])[] = [
    ['POST', 'blobs/uploads/'],
    ['POST', `blobs/uploads/?mount=${nobodys}&from=other`],
    ['PATCH', 'blobs/uploads/1'],
    ['PUT', `blobs/uploads/1?digest=${nobodys}`],
    ['PUT', `manifests/${subject.tag}`],
    ['DELETE', `manifests/${subject.manifest}`],
    ['DELETE', `blobs/${nobodys}`],
  ];
  for (const [method, path] of writes) {
    const answer = await ask(subject, path, { method });
    expect([method, path, answer.status]).toEqual([method, path, 405]);
    await isError(answer);
  }
}
