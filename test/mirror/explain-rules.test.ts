import { describe, expect, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import { noRules, type RepositoryRules } from '../../src/chart/rules.ts';
import type { ExplainQuery, RepositoryWord } from '../../src/mirror/contract/explain.ts';
import { EngineExplainer } from '../../src/mirror/explain.ts';
import { openEngine, pass, TestEngine, watchedStore, type EngineOptions } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

const versions = ['1.0.0', '1.1.0', '2.0.0-rc.1', '2.0.0'];

async function open(rules: Partial<RepositoryRules> = {}, more: Partial<EngineOptions> = {}) {
  const bitnami = new FakeUpstream();
  for (const version of versions) await bitnami.publish('nginx', version);
  await bitnami.publish('nginx-ingress', '1.0.0');
  const chartroom = await openEngine({ upstreams: { bitnami }, repositories: { all: rules }, ...more });
  await chartroom.operator.sync('bitnami');
  return { chartroom, bitnami, explainer: new EngineExplainer(chartroom.engine) };
}

async function wordOn(rules: Partial<RepositoryRules>, version?: string): Promise<RepositoryWord | undefined> {
  const { explainer } = await open(rules);
  return (await explainer.explain({ chart: 'nginx', version })).repositories[0];
}

describe('which rule decided', () => {
  test.each<[string, Partial<RepositoryRules>, string, Partial<RepositoryWord>]>([
    ['none', {}, '2.0.0', { outcome: 'offered', reason: 'No rule hides it.', listed: true }],
    [
      'deny',
      { deny: [{ text: 'nginx@<2', chart: 'nginx', range: '<2' }] },
      '1.0.0',
      {
        outcome: 'denied',
        reason: 'The entry nginx@<2 of deny refuses it.',
        answer: { status: 403, text: 'It is denied by the rule nginx@<2.' },
      },
    ],
    [
      'prereleases',
      { prereleases: false },
      '2.0.0-rc.1',
      {
        outcome: 'hidden',
        reason: 'It is hidden: the repository offers no prereleases (prereleases: false).',
        answer: { status: 404, text: 'It is not offered, and no upstream is asked for it.' },
      },
    ],
    [
      'cooldown',
      { cooldownMs: 3_600_000 },
      '1.0.0',
      {
        outcome: 'hidden',
        reason:
          'It is hidden: it has not been known for long enough (cooldown): it is offered from 2026-01-01T01:00:00.000Z.',
      },
    ],
    [
      'listNewest, which hides nothing',
      { listNewest: 2 },
      '1.0.0',
      {
        outcome: 'offered',
        listed: false,
        reason: 'No rule hides it; lists show the newest 2 of each chart only (listNewest).',
      },
    ],
    [
      'charts',
      { charts: ['redis'] },
      '9.9.9',
      { outcome: 'hidden', answer: { status: 404, text: expect.any(String) } },
    ],
  ])('is said: %s', async (_, rules, version, expected) => {
    expect(await wordOn(rules, version)).toMatchObject(expected);
  });

  test('is counted for a chart as a whole', async () => {
    const deny = [{ text: 'nginx@<1.1', chart: 'nginx', range: '<1.1' }];

    expect(await wordOn({ deny, prereleases: false, listNewest: 1 })).toMatchObject({
      outcome: 'offered',
      version: '2.0.0',
      versions: { offered: 2, listed: 1, hidden: { 'deny nginx@<1.1': 1, prereleases: 1 } },
    });
    expect(await wordOn({ charts: ['redis'] })).toMatchObject({ outcome: 'hidden', versions: { offered: 0 } });
  });

  test('counts as listed what its registry has described', async () => {
    const ghcr = new FakeUpstream('registry');
    for (const version of ['1.0.0', '1.1.0']) await ghcr.publish('nginx', version);
    ghcr.before.describe = (call) => {
      if (call.includes('1.1.0')) throw unreachable();
    };
    const chartroom = await openEngine({ upstreams: { ghcr: { upstream: ghcr, type: 'registry' } } });
    await chartroom.operator.sync('ghcr');
    await pass(chartroom.clock, 10_000, 10_000);

    const explainer = new EngineExplainer(chartroom.engine);
    expect((await explainer.explain({ chart: 'nginx' })).repositories).toMatchObject([
      { version: '1.1.0', listed: false, versions: { offered: 2, listed: 1, hidden: {} } },
    ]);
  });

  test('is what is said of all versions, for a name that nobody lists', async () => {
    const { explainer } = await open({
      charts: ['!evil'],
      deny: [
        { text: 'bad', chart: 'bad' },
        { text: 'some@<1', chart: 'some', range: '<1' },
      ],
    });
    const words = await Promise.all(['evil', 'bad', 'some'].map((chart) => explainer.explain({ chart })));
    const outcomes = words.map(({ repositories }) => repositories[0]?.outcome);

    expect(outcomes).toEqual(['hidden', 'denied', 'absent']);
  });
});

describe('what a request would get', () => {
  const answerOf = async ({ engine }: TestEngine, version: string) =>
    (await new EngineExplainer(engine).explain({ chart: 'nginx', version })).repositories[0]?.answer;

  test('is the archive: fetched first, then from memory, then from the store', async () => {
    const store = watchedStore();
    const { chartroom } = await open({}, { store });
    expect(await answerOf(chartroom, '1.0.0')).toEqual({
      status: 200,
      text: 'The archive, which is not held yet: it is fetched from bitnami first.',
    });

    await chartroom.archive('nginx', '1.0.0');
    expect(await answerOf(chartroom, '1.0.0')).toEqual({ status: 200, text: 'The archive, from memory.' });

    await chartroom.engine.commit();
    const other = await openEngine({ upstreams: { bitnami: new FakeUpstream() }, store });
    expect(await answerOf(other, '1.0.0')).toEqual({ status: 200, text: 'The archive, from the store.' });
  });

  test('is the fault of the upstream for what is not held, and the archive for what is', async () => {
    const { chartroom, bitnami } = await open();
    await chartroom.archive('nginx', '1.0.0');
    bitnami.down = unreachable({ timedOut: true });
    await faultOf(chartroom.operator.sync('bitnami'));

    expect(await answerOf(chartroom, '1.0.0')).toMatchObject({ status: 200 });
    expect(await answerOf(chartroom, '1.1.0')).toEqual({
      status: 504,
      text: 'It is not held, and cannot be fetched: fake: no answer (connection refused).',
    });
    expect(await answerOf(chartroom, '9.9.9')).toEqual({
      status: 504,
      text: 'Whether there is one cannot be told: fake: no answer (connection refused).',
    });
  });

  test('is that it is denied of bytes that are held since a moment ago', async () => {
    const { chartroom, bitnami } = await open();
    await bitnami.publish('nginx', '3.0.0', { digest: undefined });
    await pass(chartroom.clock, 10_000, 10_000);
    await chartroom.operator.sync('bitnami');
    const { archive } = await chartroom.reader.resolve({ repository: 'all', chart: 'nginx', version: '3.0.0' });
    const deny = [{ text: 'this rule', chart: 'nginx', digest: archive.digest }];
    await chartroom.reconfigure({ upstreams: { bitnami }, repositories: { all: { deny } } });

    expect(await answerOf(chartroom, '3.0.0')).toEqual({ status: 403, text: 'It is denied by the rule this rule.' });
  });

  test('is to wait while the upstream wants to be left alone', async () => {
    const { chartroom, bitnami } = await open();
    await pass(chartroom.clock, 10_000, 10_000);
    bitnami.before.open = () => {
      throw new Fault('rate-limited', 'bitnami: too many.', 'Wait.', { retryAfterMs: 60_000 });
    };
    await faultOf(chartroom.archive('nginx', '1.0.0'));

    for (const version of ['1.0.0', '9.9.9']) {
      expect(await answerOf(chartroom, version)).toMatchObject({ status: 503 });
      expect((await faultOf(chartroom.archive('nginx', version))).code).toBe('rate-limited');
    }
  });

  test('is 503 while no upstream was ever listed', async () => {
    const chartroom = await openEngine({ upstreams: { bitnami: new FakeUpstream() } });

    const { repositories } = await new EngineExplainer(chartroom.engine).explain({ chart: 'nginx' });
    expect(repositories).toMatchObject([
      { outcome: 'unavailable', answer: { status: 503 }, reason: expect.stringMatching(/^No upstream was ever/) },
    ]);
  });
});

describe('what nobody has', () => {
  test.each<[string, ExplainQuery, readonly string[]]>([
    ['a name that was misspelt', { chart: 'ngnix' }, ['nginx']],
    ['the beginning of names', { chart: 'NGIN' }, ['nginx', 'nginx-ingress']],
    ['a name like no other', { chart: 'postgresql' }, []],
    ['a version in between', { chart: 'nginx', version: '1.0.5' }, ['1.1.0', '1.0.0']],
    ['the beginning of versions', { chart: 'nginx', version: '1.1' }, ['1.1.0', '1.0.0']],
    ['a version later than all', { chart: 'nginx', version: '3.0.0' }, ['2.0.0']],
    ['a version that there is', { chart: 'nginx', version: '1.0.0' }, []],
  ])('is answered with what is near: %s', async (_, query, near) => {
    const { explainer } = await open({ prereleases: false });

    expect((await explainer.explain(query)).nearest).toEqual(near);
  });

  test('never names what is not offered', async () => {
    const { explainer } = await open({ deny: [{ text: 'nginx', chart: 'nginx' }] });

    expect((await explainer.explain({ chart: 'ngnix' })).nearest).toEqual([]);
  });

  test('is a bad request for what can be no name or version, and says which repository was meant', async () => {
    const { explainer } = await open();
    const code = (query: ExplainQuery) => faultOf(explainer.explain(query));

    expect(await code({ chart: '../etc' })).toMatchObject({ code: 'bad-request' });
    expect(await code({ chart: 'nginx', version: 'latest' })).toMatchObject({ code: 'bad-request' });
    expect(await code({ chart: 'nginx', repository: 'al' })).toMatchObject({
      code: 'not-found',
      message: 'There is no repository al here.',
      advice: 'Is all meant? There is all.',
    });
  });
});

test('gives others their turn between any two repositories', async () => {
  const repositories = Object.fromEntries(Array.from({ length: 5 }, (_, at) => [`r${at}`, {}]));
  const { explainer } = await open({}, { repositories });
  let turns = 0;
  const count = (): void => {
    turns += 1;
    if (turns < 100) setImmediate(count);
  };
  setImmediate(count);
  await explainer.explain({ chart: 'nginx' });
  const seen = turns;
  turns = 100;

  expect(seen).toBeGreaterThanOrEqual(5);
});

test('asks no upstream, and writes nothing', async () => {
  const store = watchedStore();
  const { explainer, bitnami } = await open(noRules, { store });
  const [calls, writes] = [bitnami.calls.length, store.writes.length];
  for (const chart of ['nginx', 'ghost'])
    for (const version of [undefined, ...versions, '9.9.9']) await explainer.explain({ chart, version });

  expect([bitnami.calls.length, store.writes.length]).toEqual([calls, writes]);
});

test('knows from another process how upstreams fare, and writes nothing for that', async () => {
  const store = watchedStore();
  const { chartroom, bitnami } = await open({}, { store });
  bitnami.down = unreachable();
  await faultOf(chartroom.operator.sync('bitnami'));
  chartroom.engine.start();
  await pass(chartroom.clock, 15_000);
  const writes = store.writes.length;

  const other = new TestEngine({ upstreams: { bitnami: new FakeUpstream() }, store });
  await other.engine.read();
  await other.engine.lease.listen();

  const { upstreams, repositories } = await new EngineExplainer(other.engine).explain({
    chart: 'nginx',
    version: '1.0.0',
  });
  expect(upstreams).toMatchObject([{ lists: true, fault: { code: 'upstream-unreachable' } }]);
  expect(repositories).toMatchObject([{ outcome: 'offered', answer: { status: 502 } }]);
  expect(store.writes).toHaveLength(writes);
});

test('reads an empty store, and leaves it empty', async () => {
  const store = watchedStore();
  const { engine } = new TestEngine({ upstreams: { bitnami: new FakeUpstream() }, store });
  await engine.read();
  await engine.lease.listen();

  const { repositories } = await new EngineExplainer(engine).explain({ chart: 'nginx' });
  expect(repositories).toMatchObject([{ outcome: 'unavailable' }]);
  expect(await Array.fromAsync(store.list(''))).toEqual([]);
});
