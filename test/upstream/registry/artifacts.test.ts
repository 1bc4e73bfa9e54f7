import { describe, expect, it } from 'vitest';

import { digestOf, hexOf, type Digest } from '../../../src/chart/digest.ts';
import type { FoundArtifacts, Upstream } from '../../../src/upstream/contract.ts';
import {
  artifactPromises,
  brokenArtifacts,
  describeArtifacts,
  type ArtifactsFixture,
} from '../../contract/upstream-artifacts.ts';
import { artifactOf, cosignTag, referrersIndex, type TestArtifact } from '../../support/artifacts.ts';
import { ManualClock } from '../../support/clock.ts';
import { fakeRegistry, type FakeRegistry, type FakeRegistryOptions } from '../../support/fake-registry.ts';
import { faultOf, never } from '../../support/http.ts';
import { subjectOf } from '../../support/push-artifact.ts';
import { registryUpstream } from '../../support/registry-upstream.ts';

const repository = 'charts/demo';
const archive = Buffer.from('archive');

/** A registry with one chart, and the upstream that it is. */
async function open(options: FakeRegistryOptions = {}) {
  const registry = await fakeRegistry(options);
  const pushed = registry.push(repository, { name: 'demo', version: '1.0.0', archive });
  const clock = new ManualClock();
  const { username, password } = options;
  const credential = username !== undefined && password !== undefined ? { username, password } : undefined;
  const passCredentials = [registry.tokens.origin];
  const upstream = registryUpstream(registry.origin, 'charts', {
    charts: ['demo'],
    clock,
    credential,
    passCredentials,
  });
  return { registry, upstream, clock, manifest: pushed.digest, source: `${repository}:1.0.0` };
}

/** As clients keep it where the registry lists no referrers. */
function keepIndex(registry: FakeRegistry, subject: Digest, all: ReadonlySet<TestArtifact>): void {
  const referring = [...all].filter((one) => subjectOf(one) === subject);
  const manifests = new Map(referring.map(({ digest, manifest }) => [digest, manifest]));
  registry.put(repository, `sha256-${hexOf(subject)}`, referrersIndex([...manifests.keys()], manifests));
}

const fixtureOf =
  (options: FakeRegistryOptions): ArtifactsFixture =>
  async () => {
    const { registry, upstream, manifest, source, clock } = await open(options);
    const all = new Set<TestArtifact>();
    if (!upstream.artifacts) throw new Error('a registry has artifacts');
    const keepIndexes = (artifact: TestArtifact): void => {
      const subject = subjectOf(artifact);
      if (!options.referrers && subject) keepIndex(registry, subject, all);
    };
    return {
      artifacts: upstream.artifacts,
      source,
      manifest,
      attach: async (artifact, tag) => {
        registry.attach(repository, artifact, tag);
        all.add(artifact);
        keepIndexes(artifact);
      },
      detach: async (artifact) => {
        registry.detach(repository, artifact);
        all.delete(artifact);
        keepIndexes(artifact);
      },
      later: () => clock.advance(2 * 60_000),
      fail: async () => registry.all({ status: 500, body: 'oops' }),
    };
  };

const reader = { auth: 'bearer', username: 'reader', password: 'secret' } as const;
describeArtifacts('a registry that lists referrers', fixtureOf({ referrers: true, pageSize: 1, ...reader }));
describeArtifacts('a registry whose clients keep the list of referrers', fixtureOf({}));

describe('the contract of artifacts', () => {
  it.each(artifactPromises)('is not kept by one that is broken: $title', async ({ check }) => {
    await expect(check(brokenArtifacts)).rejects.toBeInstanceOf(Error);
  });
});

type Opened = Awaited<ReturnType<typeof open>>;

function look({ upstream, source, manifest }: Opened): Promise<FoundArtifacts> {
  if (!upstream.artifacts) throw new Error('a registry has artifacts');
  return upstream.artifacts.referringTo(source, manifest, async () => undefined, never);
}

async function list(upstream: Upstream): Promise<void> {
  await upstream.list(undefined, never);
}

/** What was asked since the last time. */
function asked({ registry }: Opened, from = 0): readonly string[] {
  const short = (target: string): string => target.replace(`/v2/${repository}/`, '').replaceAll(/[0-9a-f]{60}/g, '…');
  return registry.requests.slice(from).map(({ method, target }) => `${method} ${short(target)}`);
}

describe('looking for what stands beside a chart', () => {
  it('costs one request where the listing has no tag that something hangs on', async () => {
    const opened = await open({ referrers: true });
    await list(opened.upstream);
    const before = opened.registry.requests.length;
    await look(opened);
    expect(asked(opened, before)).toEqual([expect.stringMatching(/^GET referrers\/sha256:/)]);
  });

  it('asks once for the tags of all versions where nothing was listed within two minutes', async () => {
    const opened = await open({ referrers: true });
    await list(opened.upstream);
    await opened.clock.advance(2 * 60_000);
    const before = opened.registry.requests.length;
    await Promise.all([look(opened), look(opened)]);
    await look(opened);
    const tags = asked(opened, before).filter((one) => one.startsWith('GET tags/list'));
    expect(tags).toHaveLength(1);
    expect(asked(opened, before)).toHaveLength(4);
  });

  it('asks for each tag by HEAD where they may not be listed', async () => {
    const opened = await open({ referrers: true });
    opened.registry.on(`/v2/${repository}/tags/list`, { status: 403 });
    const signature = artifactOf();
    opened.registry.attach(repository, signature, cosignTag(opened.manifest));
    expect((await look(opened)).artifacts.map(({ digest }) => digest)).toEqual([signature.digest]);
    // of the chart, and of its signature
    expect(asked(opened).filter((one) => one.startsWith('HEAD '))).toHaveLength(6);
  });

  it('is a fault when the list of tags fails', async () => {
    const opened = await open({ referrers: true });
    opened.registry.on(`/v2/${repository}/tags/list`, { status: 503 });
    expect((await faultOf(look(opened))).code).toBe('upstream-failed');
  });

  it('asks a registry that does not list referrers once an hour, and for no tag that was not listed', async () => {
    const opened = await open();
    await list(opened.upstream);
    await look(opened);
    const before = opened.registry.requests.length;
    await look(opened);
    expect(asked(opened, before)).toEqual([]);
    await opened.clock.advance(60 * 60_000);
    await list(opened.upstream);
    const later = opened.registry.requests.length;
    await look(opened);
    expect(asked(opened, later)).toEqual([expect.stringMatching(/^GET referrers\//)]);
  });

  it('does not fetch again what is held', async () => {
    const opened = await open({ referrers: true });
    const artifact = artifactOf({ subject: { digest: opened.manifest } });
    opened.registry.attach(repository, artifact);
    const { artifacts } = opened.upstream;
    await artifacts?.referringTo(opened.source, opened.manifest, async () => artifact.manifest, never);
    expect(asked(opened).filter((one) => one.startsWith('GET manifests/'))).toEqual([]);
  });

  it.each([
    ['400', { status: 400 }],
    ['404 with a page', { status: 404, headers: { 'content-type': 'text/html' }, body: '<html>' }],
    ['405', { status: 405 }],
    ['406', { status: 406 }],
    ['501', { status: 501 }],
    ['a page', { headers: { 'content-type': 'text/html' }, body: '<html>' }],
    ['something else', { body: '{"ok":true}' }],
    ['nothing', { body: '' }],
    ['a way to pages for people, which limit everybody,', { status: 303, headers: { location: '/pages' } }],
  ] as const)('takes %s for a registry that does not list referrers', async (_, answer) => {
    const opened = await open({ referrers: true });
    opened.registry.on('/pages', { status: 429 });
    opened.registry.on(`/v2/${repository}/referrers/${opened.manifest}`, answer);
    const artifact = artifactOf({ subject: { digest: opened.manifest } });
    opened.registry.attach(repository, artifact);
    keepIndex(opened.registry, opened.manifest, new Set([artifact]));
    expect((await look(opened)).artifacts.map(({ digest }) => digest)).toEqual([artifact.digest]);
    expect(opened.registry.count('/pages')).toBe(0);
  });

  it('follows a registry that is elsewhere', async () => {
    const opened = await open({ referrers: true });
    const location = '/v2/elsewhere/referrers';
    opened.registry.on(`/v2/${repository}/referrers/${opened.manifest}`, { status: 307, headers: { location } });
    const artifact = artifactOf({ subject: { digest: opened.manifest } });
    opened.registry.attach(repository, artifact);
    const body = referrersIndex([artifact.digest], new Map());
    opened.registry.on(location, { body });
    expect((await look(opened)).artifacts).toHaveLength(1);
  });

  it.each([
    ['fails', { status: 500 }, 'upstream-failed'],
    ['limits us', { status: 429, headers: { 'retry-after': '7' } }, 'rate-limited'],
    ['refuses us', { status: 403 }, 'forbidden'],
    ['is cut off', { body: '{"manifests":[]}', cutAt: 9 }, 'upstream-failed'],
  ] as const)('is a fault when the list of referrers %s', async (_, answer, code) => {
    const opened = await open({ referrers: true });
    opened.registry.on(`/v2/${repository}/referrers/${opened.manifest}`, answer);
    expect((await faultOf(look(opened))).code).toBe(code);
  });

  it('is a fault when a tag or a manifest fails', async () => {
    const opened = await open({ referrers: true });
    const artifact = artifactOf({ subject: { digest: opened.manifest } });
    opened.registry.attach(repository, artifact);
    const tag = `/v2/${repository}/manifests/${cosignTag(opened.manifest)}`;
    opened.registry.on(`/v2/${repository}/tags/list`, { status: 403 });
    for (const path of [tag, `/v2/${repository}/manifests/${artifact.digest}`]) {
      opened.registry.on(path, { status: 503 });
      expect((await faultOf(look(opened))).code).toBe('upstream-failed');
      opened.registry.off(path);
    }
    expect((await look(opened)).artifacts).toHaveLength(1);
  });

  it('is a fault when a manifest is not the bytes that its digest names', async () => {
    const opened = await open({ referrers: true });
    const artifact = artifactOf({ subject: { digest: opened.manifest } });
    opened.registry.attach(repository, artifact);
    opened.registry.on(`/v2/${repository}/manifests/${artifact.digest}`, { body: '{}' });
    expect((await faultOf(look(opened))).code).toBe('digest-mismatch');
  });
});

describe('what cannot be mirrored', () => {
  const sha512 = { mediaType: 'x/y', digest: `sha512:${'0'.repeat(128)}`, size: 1 };
  const urls = { mediaType: 'x/y', digest: digestOf(archive), size: 7, urls: ['https://elsewhere.example/'] };

  it.each([
    ['an index', { layers: undefined, manifests: [] }, 'it has no layers, or more than any artifact'],
    [
      'one with a digest that we cannot verify',
      { layers: [sha512] },
      'a part of it has no sha256 digest and size, or is elsewhere',
    ],
    [
      'one whose bytes are elsewhere',
      { layers: [urls] },
      'a part of it has no sha256 digest and size, or is elsewhere',
    ],
    ['one without a config', { config: null }, 'a part of it has no sha256 digest and size, or is elsewhere'],
  ] as const)('is left out, with a word, and disturbs nothing else: %s', async (_, fields, why) => {
    const opened = await open({ referrers: true });
    const subject = { digest: opened.manifest };
    const [odd, good] = [artifactOf({ subject, word: 'odd', fields }), artifactOf({ subject })];
    for (const one of [odd, good]) opened.registry.attach(repository, one);
    const { artifacts, leftOut } = await look(opened);
    expect(artifacts.map(({ digest }) => digest)).toEqual([good.digest]);
    expect(leftOut).toEqual([`${odd.digest}: ${why}`]);
  });

  it('is left out when it is listed and not there, too large, or of something else', async () => {
    const opened = await open({ referrers: true });
    const { registry, manifest } = opened;
    const large = artifactOf({ subject: { digest: manifest }, fields: { padding: 'x'.repeat(4 * 1024 * 1024) } });
    const other = artifactOf({ word: 'other' });
    const absent = digestOf(Buffer.from('absent'));
    for (const one of [large, other]) registry.attach(repository, one);
    const listed = referrersIndex([large.digest, other.digest, absent, `sha512:${'0'.repeat(128)}`], new Map());
    const body = listed.toString().replace('"manifests":[', '"manifests":[null,{"digest":1},');
    registry.on(`/v2/${repository}/referrers/${manifest}`, { body });
    const { artifacts, leftOut } = await look(opened);
    expect(artifacts).toEqual([]);
    expect(leftOut.toSorted()).toEqual(
      [
        `${large.digest}: its manifest is too large`,
        `${other.digest}: it is listed, and refers to something else`,
        `${absent}: its manifest is not there`,
      ].toSorted(),
    );
  });

  it('is what is beyond a hundred; signatures under a tag come first', async () => {
    const opened = await open({ referrers: true });
    const { registry, manifest } = opened;
    for (let at = 0; at < 110; at += 1) {
      registry.attach(repository, artifactOf({ subject: { digest: manifest }, word: `number ${at}` }));
    }
    const signature = artifactOf();
    registry.attach(repository, signature, cosignTag(manifest));
    const { artifacts, leftOut } = await look(opened);
    expect(artifacts).toHaveLength(100);
    expect(artifacts[0]?.digest).toBe(signature.digest);
    expect(leftOut[0]).toBe('more than 100 artifacts');
  });

  it('is what would fill the memory: manifests of more than eight megabytes together', async () => {
    const opened = await open({ referrers: true });
    const { registry, manifest } = opened;
    const made = { subject: { digest: manifest }, fields: { padding: 'x'.repeat(3 * 1024 * 1024) } };
    for (let at = 0; at < 20; at += 1) registry.attach(repository, artifactOf({ ...made, word: `${at}` }));
    const { artifacts, leftOut } = await look(opened);
    expect(artifacts.length).toBeLessThanOrEqual(6);
    expect(leftOut[0]).toMatch(/: the manifests of those before it are too large together$/);
    expect(artifacts.length + leftOut.length).toBe(20);
  });
});
