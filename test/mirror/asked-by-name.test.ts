import { describe, expect, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import { openEngine, pass, turn } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { faultOf } from '../support/http.ts';

/** A registry that cannot be listed, four places at it. */
async function registry() {
  const upstream = new FakeUpstream('registry');
  const upstreams = { ghcr: { upstream, type: 'registry', unlisted: true, concurrency: 4 } };
  const chartroom = await openEngine({ upstreams });
  await chartroom.timedSync('ghcr');
  await pass(chartroom.clock, 5_000, 5_000);
  return { upstream, chartroom };
}

describe('five hundred names that somebody makes up', () => {
  test('are a few questions to a slow registry, and the others are told to ask again', async () => {
    const { upstream, chartroom } = await registry();
    const gate = Promise.withResolvers<void>();
    upstream.before.find = () => gate.promise;

    const faults = Array.from({ length: 500 }, (_, at) => faultOf(chartroom.archive('demo', `1.0.${at}`)));
    await turn();
    await pass(chartroom.clock, 2_000, 1_000);
    const codes = (await Promise.all(faults)).map(({ code, timedOut }) => `${code} ${timedOut}`);
    expect(new Set(codes)).toEqual(new Set(['upstream-unreachable true']));
    gate.resolve();
    await turn();
    expect(upstream.count('find')).toBe(32);
  });

  test('are not in the way of a chart that is there for as long as each of them takes', async () => {
    const { upstream, chartroom } = await registry();
    upstream.before.find = () => chartroom.clock.sleep(1_000);
    for (let at = 0; at < 500; at += 1) chartroom.archive('demo', `1.0.${at}`).catch(() => undefined);
    await pass(chartroom.clock, 10_000, 1_000);
    const { archive } = await upstream.publish('other', '1.0.0');

    const request = chartroom.archive('other', '1.0.0');
    await pass(chartroom.clock, 5_000, 1_000);

    expect(await request).toEqual(archive);
  });
});

describe.each(['not-a-chart', 'too-large', 'archive-invalid'] as const)('a tag that is described as %s', (code) => {
  test('is that fault and not absent when it is asked for by name', async () => {
    const { upstream, chartroom } = await registry();
    await upstream.publish('demo', '1.0.0');
    upstream.before.describe = () => {
      throw new Fault(code, `ghcr: ${code}.`, 'Nothing to do.');
    };

    expect(await faultOf(chartroom.archive('demo', '1.0.0'))).toMatchObject({
      code,
      message: expect.stringMatching(/^ghcr: what is tagged 1\.0\.0 of demo is not a chart/) as string,
    });
  });
});

test('a tag that was no chart is one as soon as somebody asks for it after it was', async () => {
  const { upstream, chartroom } = await registry();
  await upstream.publish('demo', '0.9.0');
  await chartroom.archive('demo', '0.9.0');
  await upstream.publish('demo', '1.0.0', { notAChart: true });
  expect((await faultOf(chartroom.archive('demo', '1.0.0'))).code).toBe('not-a-chart');
  await pass(chartroom.clock, 15_000, 5_000);
  upstream.withdraw('demo', '1.0.0');
  const { archive } = await upstream.publish('demo', '1.0.0', { metadata: { description: 'a chart by now' } });

  expect(await chartroom.archive('demo', '1.0.0')).toEqual(archive);
});

describe('a registry that is configured otherwise', () => {
  const other = (upstream: FakeUpstream) => ({
    upstreams: { ghcr: { upstream, type: 'registry', unlisted: true, concurrency: 5 } },
  });

  test('is asked again at once, whatever was said before', async () => {
    const { upstream, chartroom } = await registry();
    expect((await faultOf(chartroom.archive('demo', '1.0.0'))).code).toBe('not-found');
    const { archive } = await upstream.publish('demo', '1.0.0');
    await chartroom.reconfigure(other(upstream));

    expect(await chartroom.archive('demo', '1.0.0')).toEqual(archive);
  });

  test('while it is asked answers by what it is then, and what the one before had is not listed', async () => {
    const { upstream, chartroom } = await registry();
    await upstream.publish('demo', '1.0.0');
    const gate = Promise.withResolvers<void>();
    upstream.before.find = () => gate.promise;
    const successor = new FakeUpstream('registry');
    const { archive } = await successor.publish('demo', '1.0.0', { metadata: { description: 'another' } });

    const asked = chartroom.archive('demo', '1.0.0');
    const absent = faultOf(chartroom.archive('demo', '2.0.0'));
    await turn();
    await chartroom.reconfigure(other(successor));
    gate.resolve();

    expect(await asked).toEqual(archive);
    expect((await absent).code).toBe('not-found');
    expect(upstream.count('open')).toBe(0);
  });

  test('away while it is asked leaves the question to the one that is there instead', async () => {
    const { upstream, chartroom } = await registry();
    const gate = Promise.withResolvers<void>();
    upstream.before.find = () => gate.promise;
    const quay = new FakeUpstream('registry');

    const asked = chartroom.archive('demo', '1.0.0');
    await turn();
    await chartroom.reconfigure({ upstreams: { quay: { upstream: quay, type: 'registry', unlisted: true } } });
    await chartroom.timedSync('quay');
    const { archive } = await quay.publish('demo', '1.0.0');
    gate.resolve();

    expect(await asked).toEqual(archive);
  });
});
