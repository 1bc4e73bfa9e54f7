import { describe, expect, test } from 'vitest';

import { EngineExplainer } from '../../src/mirror/explain.ts';
import { planner } from '../../src/mirror/offering/plan.ts';
import type { VerifySettings } from '../../src/mirror/settings.ts';
import { openEngine, pass, TestEngine, watchedStore } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';
import { jobsHere } from '../support/kept-store.ts';
import { libraryOf } from '../support/library.ts';
import { FakeJudge, reporting, requiring, signedBy } from '../support/verifying.ts';

const old = { created: '2025-01-01T00:00:00Z' };

/** Version 1.0.0 is signed, 2.0.0 by somebody else, 3.0.0 not at all; 4.0.0 is signed, and not held. */
async function opened(verify: VerifySettings | undefined, store = watchedStore()) {
  const upstream = new FakeUpstream();
  await upstream.publish('demo', '1.0.0', { provenance: signedBy('alice') });
  await upstream.publish('demo', '2.0.0', { provenance: signedBy('bob') });
  await upstream.publish('demo', '3.0.0', old);
  const { judge } = new FakeJudge();
  const settings = (keys: VerifySettings | undefined) => ({
    nexus: { upstream, mirror: 'requested' as const, verify: keys },
  });
  const chartroom = await openEngine({ upstreams: settings(verify), store, judge });
  await chartroom.operator.sync('nexus');
  for (const version of ['1.0.0', '2.0.0', '3.0.0']) await chartroom.archive('demo', version).catch(() => undefined);
  await upstream.publish('demo', '4.0.0', { provenance: signedBy('alice') });
  await chartroom.operator.sync('nexus');
  await chartroom.operator.settled();
  const library = libraryOf(chartroom, store);
  const details = async (version: string) =>
    (await library.version({ repository: 'all', chart: 'demo', version })).provenance;
  return { chartroom, store, settings, details };
}

async function explained({ engine }: TestEngine, version: string) {
  const { upstreams, repositories } = await new EngineExplainer(engine).explain({ chart: 'demo', version });
  return { ...repositories[0], provenance: upstreams[0]?.provenance };
}

describe('the status', () => {
  test.each([reporting('alice'), requiring('alice')])('counts what was judged, mode $mode', async (verify) => {
    const { chartroom } = await opened(verify);
    const counts = { mode: verify.mode, valid: 1, missing: 1, invalid: 1, unjudged: 0 };
    expect(chartroom.status('nexus').provenance).toEqual(counts);
    expect(chartroom.operator.upstream('nexus').unverifiedVersions).toEqual([
      { chart: 'demo', version: '2.0.0', result: 'invalid', reason: 'no key of alice signed it' },
      { chart: 'demo', version: '3.0.0', result: 'missing', reason: 'nexus has no provenance file for it' },
    ]);
  });

  test('counts it at once, and once', async () => {
    const { chartroom } = await opened(requiring('alice'));
    await chartroom.archive('demo', '4.0.0');
    expect(chartroom.status('nexus').provenance).toMatchObject({ valid: 2, unjudged: 0 });
    await chartroom.engine.commit();
    expect(chartroom.status('nexus').provenance).toMatchObject({ valid: 2, missing: 1, invalid: 1, unjudged: 0 });
  });

  test('counts everything as unjudged by keys that are new', async () => {
    const { chartroom, settings } = await opened(requiring('alice'));
    await chartroom.reconfigure({ upstreams: settings(requiring('bob')) });
    expect(chartroom.status('nexus').provenance).toMatchObject({ valid: 0, missing: 0, invalid: 0, unjudged: 3 });
    expect(chartroom.operator.upstream('nexus').unverifiedVersions).toEqual([]);
  });

  test('says nothing of it where it is not checked', async () => {
    const { chartroom } = await opened(undefined);
    expect(chartroom.status('nexus').provenance).toBeUndefined();
    expect(chartroom.operator.upstream('nexus')).not.toHaveProperty('unverifiedVersions');
  });
});

describe('the details of a version', () => {
  test('say who signed it, or why that does not count', async () => {
    const { chartroom, details } = await opened(reporting('alice'));
    const mode = 'report';
    const signed = { mode, result: 'valid', signer: 'alice', key: 'ABCD', available: true };
    expect(await details('1.0.0')).toEqual(signed);
    expect(await details('2.0.0')).toEqual({
      mode,
      result: 'invalid',
      reason: 'no key of alice signed it',
      available: true,
    });
    expect(await details('3.0.0')).toMatchObject({ result: 'missing', available: false });
    expect(await details('4.0.0')).toEqual({ mode, result: 'unjudged' });
    await chartroom.operator.settled();
    expect(await details('4.0.0')).toEqual(signed);
  });

  test('are refused as the version is', async () => {
    const { details, chartroom, settings } = await opened(requiring('alice'));
    expect(await details('1.0.0')).toMatchObject({ result: 'valid' });
    for (const version of ['2.0.0', '3.0.0']) expect((await faultOf(details(version))).code).toBe('provenance-invalid');
    // not judged yet by these, and refused before any list knows it
    await chartroom.reconfigure({ upstreams: settings(requiring('bob')) });
    expect((await faultOf(details('1.0.0'))).code).toBe('provenance-invalid');
  });

  test('say where it is not checked', async () => {
    expect(await (await opened(undefined)).details('1.0.0')).toEqual({ result: 'unchecked' });
  });
});

describe('explain', () => {
  test('says the rule and the reason, and what a request would get', async () => {
    const { chartroom } = await opened(requiring('alice'));
    expect(await explained(chartroom, '2.0.0')).toMatchObject({
      outcome: 'hidden',
      reason:
        'It is hidden: its provenance is not accepted (verify.mode: require of nexus): no key of alice signed it.',
      listed: false,
      answer: { status: 403, text: 'Its provenance is not accepted, unless there is another one by now.' },
      provenance: { result: 'invalid', mode: 'require' },
    });
    expect(await explained(chartroom, '1.0.0')).toMatchObject({ outcome: 'offered', provenance: { signer: 'alice' } });
  });

  test('says of what is not judged yet that it may be refused', async () => {
    const { chartroom } = await opened(requiring('alice'));
    expect(await explained(chartroom, '4.0.0')).toMatchObject({
      outcome: 'offered',
      reason: expect.stringContaining('changes if its provenance is not accepted'),
      listed: true,
      answer: {
        status: 200,
        text: 'The archive, which is not held yet: it is fetched from nexus first, once its provenance is found valid.',
      },
    });
  });

  test('says what is known and not listed yet', async () => {
    const { chartroom, settings } = await opened(requiring('alice'));
    await chartroom.reconfigure({ upstreams: settings(requiring('bob')) });
    await faultOf(chartroom.archive('demo', '1.0.0'));
    expect(await explained(chartroom, '1.0.0')).toMatchObject({ outcome: 'hidden', answer: { status: 403 } });
  });
});

describe('plan', () => {
  test('says what a new require has disappear, as far as it was judged, and how much was not', async () => {
    const { chartroom, store, settings } = await opened(reporting('alice'));
    chartroom.engine.start();
    await pass(chartroom.clock, 1_000);
    const planned = async (verify: VerifySettings | undefined) => {
      const { engine } = new TestEngine({ upstreams: settings(verify), store, clock: chartroom.clock });
      const upstreams = engine.known.map((known) => known.settings);
      const repositories = engine.repositories.all.map((served) => served.settings);
      const { clock } = chartroom;
      const parts = { store, jobs: jobsHere, upstreams, repositories, clock };
      const { repositories: all, loses } = await planner(parts).plan();
      return { ...all[0], loses };
    };
    expect(await planned(requiring('alice'))).toMatchObject({
      change: 'changed',
      disappear: [{ chart: 'demo', versions: ['3.0.0', '2.0.0'] }],
      unjudged: 1,
      loses: true,
    });
    expect(await planned(requiring('bob'))).toMatchObject({ change: 'changed', disappear: [], unjudged: 4 });
    expect(await planned(reporting('alice'))).toMatchObject({ change: 'unchanged', loses: false });
    expect(await planned(undefined)).toMatchObject({ disappear: [], loses: false });
  });
});
