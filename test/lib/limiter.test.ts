import { expect, it } from 'vitest';

import { Limiter } from '../../src/lib/limiter.ts';

/** Pieces of work that run until they are told to end, and tell in which order they began. */
function workshop(limiter: Limiter) {
  const begun: string[] = [];
  const ends = new Map<string, PromiseWithResolvers<void>>();
  const start = (name: string, urgent = false): Promise<string> => {
    const latch = Promise.withResolvers<void>();
    ends.set(name, latch);
    const work = async (): Promise<string> => {
      begun.push(name);
      await latch.promise;
      return name;
    };
    return urgent ? limiter.run(work, { urgent }) : limiter.run(work);
  };
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    begun,
    start,
    settle,
    end: (name: string) => ends.get(name)?.resolve(),
    fail: (name: string, error: Error) => ends.get(name)?.reject(error),
  };
}

it('does no more at once than it is told, and the rest in order of arrival', async () => {
  const { begun, start, end, settle } = workshop(new Limiter(2));
  const all = ['a', 'b', 'c', 'd'].map((name) => start(name));
  await settle();
  expect(begun).toEqual(['a', 'b']);
  end('b');
  await settle();
  expect(begun).toEqual(['a', 'b', 'c']);
  for (const name of ['a', 'c', 'd']) end(name);
  expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd']);
});

it('takes what is urgent before what waits already', async () => {
  const { begun, start, end, settle } = workshop(new Limiter(1));
  const all = [start('a'), start('b'), start('c', true), start('d', true)];
  for (const name of ['a', 'c', 'd', 'b']) {
    await settle();
    end(name);
  }
  await Promise.all(all);
  expect(begun).toEqual(['a', 'c', 'd', 'b']);
});

it('gives the place of what failed to the next, and the failure to whoever asked', async () => {
  const { begun, start, end, fail, settle } = workshop(new Limiter(1));
  const [first, second] = [start('a'), start('b')];
  await settle();
  fail('a', new Error('broken'));
  await expect(first).rejects.toThrow('broken');
  await settle();
  expect(begun).toEqual(['a', 'b']);
  end('b');
  expect(await second).toBe('b');
});

it('has all of its places again when everything is done', async () => {
  const limiter = new Limiter(2);
  await Promise.allSettled([1, 2, 3, 4, 5].map((at) => limiter.run(async () => Promise.reject(new Error(String(at))))));
  const { begun, start, end, settle } = workshop(limiter);
  const all = ['a', 'b', 'c'].map((name) => start(name));
  await settle();
  expect(begun).toEqual(['a', 'b']);
  for (const name of ['a', 'b', 'c']) end(name);
  await Promise.all(all);
});

it('leaves reserved places to urgent work, also when patient work waits', async () => {
  const { begun, start, end, settle } = workshop(new Limiter(3, 1));
  const all = [...['a', 'b', 'c', 'd'].map((name) => start(name)), start('u', true)];
  await settle();
  expect(begun).toEqual(['a', 'b', 'u']);
  end('u');
  await settle();
  expect(begun).toEqual(['a', 'b', 'u']);
  end('a');
  await settle();
  expect(begun).toEqual(['a', 'b', 'u', 'c']);
  for (const name of ['b', 'c', 'd']) end(name);
  await Promise.all(all);
});
