import { expect, it } from 'vitest';

import { SingleFlight } from '../../src/lib/single-flight.ts';

it('does work once for everybody who asks while it is under way, and again for who comes later', async () => {
  const flights = new SingleFlight<number>();
  const latch = Promise.withResolvers<void>();
  let runs = 0;
  const work = async (): Promise<number> => {
    runs += 1;
    await latch.promise;
    return runs;
  };
  const early = Array.from({ length: 1000 }, () => flights.run('a', work));
  latch.resolve();
  expect(new Set(await Promise.all(early))).toEqual(new Set([1]));
  expect(await flights.run('a', work)).toBe(2);
});

it('keeps keys apart, also those that every object has', async () => {
  const flights = new SingleFlight<string>();
  const keys = ['a', 'b', '__proto__', 'constructor'];
  expect(await Promise.all(keys.map((key) => flights.run(key, async () => key)))).toEqual(keys);
});

it('gives a failure to all who wait, and remembers it for nobody', async () => {
  const flights = new SingleFlight<string>();
  const fails = (): Promise<string> => Promise.reject(new Error('broken'));
  const [one, other] = await Promise.allSettled([flights.run('a', fails), flights.run('a', async () => 'never')]);
  expect([one.status, other.status]).toEqual(['rejected', 'rejected']);
  expect(await flights.run('a', async () => 'fine')).toBe('fine');
});

it('is idle when all that is under way has ended, one way or the other, with what began meanwhile', async () => {
  const flights = new SingleFlight<void>();
  const ended: string[] = [];
  const latch = Promise.withResolvers<void>();
  const failing = flights.run('a', async () => {
    await latch.promise;
    void flights.run('b', async () => void ended.push('b'));
    ended.push('a');
    throw new Error('broken');
  });
  failing.catch(() => undefined);
  const idle = flights.idle().then(() => [...ended]);
  latch.resolve();
  expect(await idle).toEqual(['b', 'a']);
  await flights.idle();
});
