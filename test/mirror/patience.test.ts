import { describe, expect, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { openEngine, pass } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';

const versions = Array.from({ length: 30 }, (_, at) => `1.${at}.0`);

async function manyVersions(fault: (call: string) => Fault | undefined) {
  const upstream = new FakeUpstream();
  for (const version of versions) await upstream.publish('demo', version);
  upstream.before.open = (call) => {
    const thrown = fault(call);
    if (thrown) throw thrown;
  };
  const chartroom = await openEngine({ upstreams: { nexus: { upstream, mirror: 'all', concurrency: 1 } } });
  const opened = () => upstream.calls.filter((call) => call.startsWith('open archive')).length;
  return { upstream, chartroom, opened };
}

describe('an upstream that wants to be left alone', () => {
  test('is asked for nothing more ahead until the time it named is over', async () => {
    let limited = true;
    const { chartroom, opened } = await manyVersions(() =>
      limited ? new Fault('rate-limited', 'nexus: too many.', 'Wait.', { retryAfterMs: 300_000 }) : undefined,
    );
    await chartroom.operator.sync('nexus');
    await chartroom.operator.settled();
    expect(opened()).toBe(1);

    limited = false;
    await pass(chartroom.clock, 200_000, 20_000);
    await expect(chartroom.timedSync('nexus')).rejects.toMatchObject({ code: 'rate-limited' });
    await chartroom.operator.settled();
    expect(opened()).toBe(1);

    await pass(chartroom.clock, 101_000, 20_000);
    await chartroom.operator.settled();
    expect(chartroom.status('nexus').counts.held).toBe(30);
  });

  test('is not asked thirty times when it hangs', async () => {
    const { chartroom, opened } = await manyVersions(
      () => new Fault('upstream-unreachable', 'nexus: no answer.', 'Wait.', { timedOut: true }),
    );
    await chartroom.operator.sync('nexus');
    await chartroom.operator.settled();
    expect(opened()).toBe(8);
  });

  test('goes on being asked while only some of its versions fail', async () => {
    const { chartroom } = await manyVersions((call) =>
      call.endsWith('0.0') ? new Fault('upstream-failed', 'nexus: broken.', 'Wait.') : undefined,
    );
    await chartroom.operator.sync('nexus');
    await chartroom.operator.settled();
    expect(chartroom.status('nexus').counts.held).toBe(27);
  });
});

describe('what an upstream said at another address', () => {
  test('is no validator for the new one', async () => {
    const store = memoryStore();
    const upstream = new FakeUpstream();
    await upstream.publish('demo', '1.0.0');
    const first = await openEngine({ upstreams: { nexus: { upstream, url: 'https://old.example' } }, store });
    await first.operator.sync('nexus');
    await first.engine.stop();

    const validators: unknown[] = [];
    const moved = Object.assign(new FakeUpstream(), {
      list: async (validator: unknown) => {
        validators.push(validator);
        return upstream.list(undefined);
      },
    });
    const second = await openEngine({ upstreams: { nexus: { upstream: moved, url: 'https://new.example' } }, store });
    await second.operator.sync('nexus');
    expect(validators).toEqual([undefined]);
  });
});

describe('a name that was taken out of charts', () => {
  test('is listed and served no more, and remembered', async () => {
    const store = memoryStore();
    const upstream = new FakeUpstream();
    await upstream.publish('demo', '1.0.0');
    await upstream.publish('other', '1.0.0');
    const both = await openEngine({ upstreams: { nexus: { upstream } }, store });
    await both.operator.sync('nexus');
    await both.engine.stop();

    const one = await openEngine({ upstreams: { nexus: { upstream, charts: ['other'] } }, store });
    expect(one.versions('demo')).toEqual([]);
    expect(one.versions('other')).toEqual(['1.0.0']);
    await expect(one.archive('demo', '1.0.0')).rejects.toMatchObject({ code: 'not-found' });
    await one.engine.stop();

    const again = await openEngine({ upstreams: { nexus: { upstream } }, store });
    expect(again.versions('demo')).toEqual(['1.0.0']);
  });
});
