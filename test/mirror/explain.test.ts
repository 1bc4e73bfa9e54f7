import { describe, expect, test } from 'vitest';

import { digestOf } from '../../src/chart/digest.ts';
import type { Explanation, ExplainQuery, RepositoryWord } from '../../src/mirror/contract/explain.ts';
import { EngineExplainer } from '../../src/mirror/explain.ts';
import { blobKey } from '../../src/store/layout.ts';
import { openEngine, pass, type EngineOptions, type TestEngine } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

async function listing(rows: Readonly<Record<string, readonly string[]>>): Promise<FakeUpstream> {
  const upstream = new FakeUpstream();
  for (const [chart, versions] of Object.entries(rows)) {
    for (const version of versions) await upstream.publish(chart, version);
  }
  return upstream;
}

/** Upstreams that were synced a minute and more after each other, so that the first in order is known longest. */
async function opened(options: EngineOptions): Promise<TestEngine> {
  const chartroom = await openEngine(options);
  for (const name of Object.keys(options.upstreams)) {
    await chartroom.operator.sync(name);
    await pass(chartroom.clock, 70_000, 70_000);
  }
  return chartroom;
}

function explain({ engine }: TestEngine, query: ExplainQuery): Promise<Explanation> {
  return new EngineExplainer(engine).explain(query);
}

/** What the only repository says. */
async function wordOn(chartroom: TestEngine, chart: string, version?: string): Promise<RepositoryWord> {
  const { repositories } = await explain(chartroom, { chart, version });
  const [word] = repositories;
  if (!word) throw new Error('there is no repository');
  return word;
}

describe('who provides it', () => {
  test('is the one that listed the name longest, and the others are named', async () => {
    const bitnami = await listing({ nginx: ['1.0.0'] });
    const mirror = await listing({ nginx: ['1.0.0', '2.0.0'] });
    const chartroom = await opened({ upstreams: { bitnami, mirror } });

    expect(await wordOn(chartroom, 'nginx', '1.0.0')).toMatchObject({
      outcome: 'offered',
      provider: 'bitnami',
      providerReason: 'It has listed it longest, since 2026-01-01T00:00:00Z; mirror has since 2026-01-01T00:01:10Z.',
      contestedBy: ['mirror'],
      listed: true,
    });
    expect(await wordOn(chartroom, 'nginx', '2.0.0')).toMatchObject({
      outcome: 'absent',
      provider: 'bitnami',
      reason: 'bitnami alone provides nginx here, and does not list it.',
      contestedBy: ['mirror'],
      answer: { status: 404 },
    });
  });

  test('is the first in order of those that were configured together', async () => {
    const [first, second] = [await listing({ nginx: ['1.0.0'] }), await listing({ nginx: ['1.0.0'] })];
    const chartroom = await openEngine({ upstreams: { first, second } });
    for (const name of ['second', 'first']) await chartroom.operator.sync(name);

    expect(await wordOn(chartroom, 'nginx')).toMatchObject({
      provider: 'first',
      providerReason: 'It has listed it since 2026-01-01T00:00:00Z, as long as second, and comes first in upstreams.',
    });
  });

  test('is the one that the name is reserved for, also when it lists none', async () => {
    const [bitnami, internal] = [await listing({ 'corp-app': ['1.0.0'] }), await listing({ other: ['1.0.0'] })];
    const owners = [['corp-*', 'internal']] as const;
    const chartroom = await opened({ upstreams: { bitnami, internal }, repositories: { all: { owners } } });

    expect(await wordOn(chartroom, 'corp-app', '1.0.0')).toMatchObject({
      outcome: 'absent',
      provider: 'internal',
      providerReason: 'The option owners reserves corp-* for internal, which does not list it.',
      contestedBy: ['bitnami'],
    });
  });

  test('is nobody where the only one that lists it leaves the name out, which is what hides it', async () => {
    const cold = await listing({ nginx: ['1.0.0'], loki: ['1.0.0'] });
    const upstreams = { cold: { upstream: cold, charts: ['!nginx'] } };
    const chartroom = await opened({ upstreams });
    const excluded = {
      outcome: 'hidden',
      providerReason:
        'cold lists it, and its option charts leaves the name out; no other upstream of this repository lists it.',
      reason: 'It is hidden: the option charts of the upstream cold leaves this name out.',
      answer: { status: 404, text: 'It is not offered, and no upstream is asked for it.' },
    };

    expect(await wordOn(chartroom, 'nginx', '1.0.0')).toMatchObject(excluded);
    expect(await wordOn(chartroom, 'nginx')).toMatchObject(excluded);
    expect((await faultOf(chartroom.archive('nginx', '1.0.0'))).message).toBe(
      'nginx 1.0.0 is not offered in all, because the option charts of the upstream cold leaves this name out.',
    );
    // another one may have it, and is asked
    const both = await opened({ upstreams: { ...upstreams, other: await listing({ redis: ['1.0.0'] }) } });
    expect(await wordOn(both, 'nginx', '1.0.0')).toMatchObject({
      outcome: 'absent',
      reason: excluded.providerReason,
      answer: { status: 404, text: 'It is not found, unless other has it by now and says so when asked.' },
    });
    expect((await faultOf(both.archive('nginx', '1.0.0'))).message).toBe('No upstream has nginx 1.0.0.');
  });

  test('may be nobody yet where one was never listed, and then it may be that nobody can tell', async () => {
    const upstreams = { known: await listing({ nginx: ['1.0.0'] }), silent: await listing({}) };
    const chartroom = await openEngine({ upstreams });
    await chartroom.operator.sync('known');

    const { upstreams: words, repositories } = await explain(chartroom, { chart: 'redis', version: '1.0.0' });
    expect(words).toMatchObject([{ everListed: true }, { everListed: false, lists: false }]);
    expect(repositories[0]?.answer.text).toBe(
      'It is not found, unless known or silent has it by now and says so when asked; ' +
        '502 or 504 while silent, never listed yet, does not answer.',
    );
  });

  test('may be another one for each version under merge', async () => {
    const [a, b] = [await listing({ nginx: ['1.0.0'] }), await listing({ nginx: ['v1.0', '2.0.0'] })];
    const chartroom = await opened({ upstreams: { a, b }, repositories: { all: { overlap: 'merge' } } });

    expect(await wordOn(chartroom, 'nginx')).toMatchObject({
      version: '2.0.0',
      providerReason: 'Each version is provided by the upstream that has listed it longest (overlap: merge).',
      versions: { offered: 2, listed: 2, hidden: {} },
    });
    expect(await wordOn(chartroom, 'nginx', '2.0.0')).toMatchObject({ provider: 'b', contestedBy: [] });
    expect(await wordOn(chartroom, 'nginx', '1.0.0')).toMatchObject({ provider: 'a', contestedBy: ['b'] });
  });
});

describe('what is known of the upstreams', () => {
  test('is what they list since when, what they promise, and what is held where', async () => {
    const bitnami = await listing({ nginx: ['1.0.0', '2.0.0'] });
    const chartroom = await opened({ upstreams: { bitnami, empty: await listing({ other: ['1.0.0'] }) } });
    const archive = await chartroom.archive('nginx', '1.0.0');
    const digest = digestOf(archive);

    expect((await explain(chartroom, { chart: 'nginx', version: '1.0.0' })).upstreams).toEqual([
      {
        upstream: 'bitnami',
        everListed: true,
        lists: true,
        versions: 2,
        since: '2026-01-01T00:00:00Z',
        withdrawn: false,
        claimed: [digest],
        rewritten: false,
        held: { digest, size: archive.length, heldAt: expect.any(String) as string, key: blobKey(digest) },
      },
      {
        upstream: 'empty',
        everListed: true,
        lists: false,
        versions: 0,
        withdrawn: false,
        claimed: [],
        rewritten: false,
      },
    ]);
  });

  test('is what they promise by now of a version that was rewritten, and what is held of it', async () => {
    const bitnami = await listing({ nginx: ['1.0.0'] });
    const chartroom = await opened({ upstreams: { bitnami } });
    const first = digestOf(await chartroom.archive('nginx', '1.0.0'));
    bitnami.rows = [];
    const { digest: second } = await bitnami.publish('nginx', '1.0.0', { metadata: { description: 'Another' } });
    await chartroom.operator.sync('bitnami');
    const upstreamsFor = async (version?: string) => (await explain(chartroom, { chart: 'nginx', version })).upstreams;

    expect(await upstreamsFor('1.0.0')).toMatchObject([
      { claimed: [second], rewritten: true, held: { digest: first } },
    ]);
    expect(await upstreamsFor()).toMatchObject([{ claimed: [], rewritten: false }]);
    bitnami.rows = [];
    await chartroom.operator.sync('bitnami');
    expect(await upstreamsFor('1.0.0')).toMatchObject([{ claimed: [second], withdrawn: false }]);
    for (let times = 0; times < 2; times += 1) await chartroom.operator.sync('bitnami');
    expect(await upstreamsFor('1.0.0')).toMatchObject([
      { claimed: [first, second], rewritten: false, withdrawn: true },
    ]);
  });

  test('is that it was withdrawn, and that it fails', async () => {
    const bitnami = await listing({ nginx: ['1.0.0'], redis: ['1.0.0'] });
    const chartroom = await opened({ upstreams: { bitnami } });
    bitnami.withdraw('nginx', '1.0.0');
    for (let times = 0; times < 3; times += 1) await chartroom.operator.sync('bitnami');
    bitnami.down = unreachable();
    await chartroom.operator.sync('bitnami').catch(() => undefined);

    expect((await explain(chartroom, { chart: 'nginx' })).upstreams).toMatchObject([
      { withdrawn: true, fault: { code: 'upstream-unreachable' } },
    ]);
  });

  test('is nothing of upstreams that the repository in question does not have', async () => {
    const [a, b] = [await listing({ nginx: ['1.0.0'] }), await listing({ nginx: ['1.0.0'] })];
    const repositories = { one: { upstreams: ['a'] }, two: { upstreams: ['b'] } };
    const chartroom = await opened({ upstreams: { a, b }, repositories });

    const { upstreams, repositories: words } = await explain(chartroom, { repository: 'two', chart: 'nginx' });

    expect(upstreams.map(({ upstream }) => upstream)).toEqual(['b']);
    expect(words).toMatchObject([
      { repository: 'two', providerReason: 'No other upstream of this repository lists it.' },
    ]);
  });
});
