import { describe, expect, test } from 'vitest';

import { Intake } from '../../src/mirror/fetching/intake.ts';
import { openEngine, pass, turn } from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';

/** Room for a hundred bytes; what begins is in `begun`, and ends when told to. */
function hundred() {
  const intake = new Intake(100);
  const begun: string[] = [];
  const ends = new Map<string, PromiseWithResolvers<void>>();
  const take = (upstream: string, bytes: number, name: string): void => {
    const end = Promise.withResolvers<void>();
    ends.set(name, end);
    const work = () => {
      begun.push(name);
      return end.promise;
    };
    intake.take(upstream, bytes, work).catch(() => undefined);
  };
  const finish = async (name: string, error?: Error) => {
    if (error) ends.get(name)?.reject(error);
    else ends.get(name)?.resolve();
    await turn();
  };
  return { begun, take, finish };
}

describe('bytes on their way in', () => {
  test('of one upstream have half of the room, and what does not fit waits for what is under way', async () => {
    const { begun, take, finish } = hundred();
    for (const name of ['one', 'two', 'three']) take('slow', 25, name);
    await turn();
    expect(begun).toEqual(['one', 'two']);

    await finish('one');
    expect(begun).toEqual(['one', 'two', 'three']);
  });

  test('of an upstream that does not come on leave the other half to the next one', async () => {
    const { begun, take } = hundred();
    for (const name of ['one', 'two', 'three']) take('slow', 40, name);
    take('good', 50, 'other');
    await turn();

    expect(begun).toEqual(['one', 'other']);
  });

  test('are of all upstreams together never more than there is room for', async () => {
    const { begun, take, finish } = hundred();
    for (const upstream of ['a', 'b', 'c']) take(upstream, 40, upstream);
    await turn();
    expect(begun).toEqual(['a', 'b']);

    await finish('b');
    expect(begun).toEqual(['a', 'b', 'c']);
  });

  test('that are more than half of the room come alone of their upstream', async () => {
    const { begun, take, finish } = hundred();
    take('large', 1_000, 'one');
    take('large', 1, 'two');
    take('good', 50, 'other');
    await turn();
    expect(begun).toEqual(['one', 'other']);

    await finish('one');
    expect(begun).toEqual(['one', 'other', 'two']);
  });

  test('leave their room to others also when they did not arrive', async () => {
    const { begun, take, finish } = hundred();
    take('broken', 50, 'one');
    take('broken', 50, 'two');
    await turn();
    await finish('one', new Error('cut off'));

    expect(begun).toEqual(['one', 'two']);
  });
});

/** An upstream that names no sizes and does not come to an end. */
class EndlessUpstream extends FakeUpstream {
  override async open(...asked: Parameters<FakeUpstream['open']>) {
    const incoming = await super.open(...asked);
    return incoming && { size: undefined, body: endless() };
  }
}

async function* endless(): AsyncIterable<Uint8Array> {
  yield Buffer.alloc(1);
  await new Promise(() => undefined);
}

test('a chart of one upstream comes although another delivers, as slowly as can be, as much as it may at once', async () => {
  const [slow, good] = [new EndlessUpstream(), new FakeUpstream()];
  for (let at = 0; at < 4; at += 1) await slow.publish('slow', `1.0.${at}`);
  const { archive } = await good.publish('good', '1.0.0');
  const maxArchiveBytes = 64 * 1024 * 1024;
  const upstreams = { slow: { upstream: slow, maxArchiveBytes }, good: { upstream: good, maxArchiveBytes } };
  const chartroom = await openEngine({ upstreams });
  await chartroom.timedSync('slow');
  await chartroom.timedSync('good');
  for (let at = 0; at < 4; at += 1) chartroom.archive('slow', `1.0.${at}`).catch(() => undefined);
  await turn();
  expect(slow.count('open')).toBe(4);

  const request = chartroom.archive('good', '1.0.0');
  await pass(chartroom.clock, 30_000, 5_000);

  expect(await request).toEqual(archive);
});
