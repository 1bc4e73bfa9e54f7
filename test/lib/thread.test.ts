import { describe, expect, it, onTestFinished } from 'vitest';

import { Fault, reviveFault, type PlainFault } from '../../src/chart/fault.ts';
import { Thread, ThreadDied } from '../../src/lib/thread.ts';
import type { ThreadJobs } from '../support/thread-jobs.ts';

function thread(options: { readonly timeoutMs?: number; readonly maxHeapMiB?: number } = {}): Thread<ThreadJobs> {
  const opened = new Thread<ThreadJobs>({
    module: new URL('../support/thread-jobs.ts', import.meta.url),
    maxHeapMiB: options.maxHeapMiB ?? 128,
    timeoutMs: options.timeoutMs ?? 30_000,
    revive: (details) => reviveFault(details as PlainFault),
  });
  onTestFinished(() => opened.close());
  return opened;
}

const reasonOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('work on a thread', () => {
  it('gives its result, in order of arrival', async () => {
    const one = thread();
    const words = ['a', 'b', 'c', 'd'];
    const results = await Promise.all([one.run('add', { a: 1, b: 2 }), ...words.map((word) => one.run('note', word))]);
    expect(results).toEqual([3, ['a'], ['a', 'b'], ['a', 'b', 'c'], words]);
  });

  it('throws the fault that it threw, with class, code and words', async () => {
    const error = await reasonOf(thread().run('fault', 'rate-limited'));
    expect(error).toBeInstanceOf(Fault);
    expect(error).toMatchObject({ code: 'rate-limited', message: 'nexus: no.', retryAfterMs: 5, timedOut: false });
  });

  it('throws any other error with its message, and goes on', async () => {
    const one = thread();
    expect(String(await reasonOf(one.run('fail', 'what happened')))).toContain('TypeError: what happened');
    expect(String(await reasonOf(one.run('throwText', 'just text')))).toContain('just text');
    expect(await reasonOf(one.run('unclonable', undefined))).toBeInstanceOf(Error);
    expect(await one.run('note', 'still the same thread')).toEqual(['still the same thread']);
  });

  it('gets buffers that move, and shares memory that is shared', async () => {
    const one = thread();
    const bytes = new Uint8Array(8);
    expect(await one.run('fill', bytes, [bytes.buffer])).toEqual(new Uint8Array(8).fill(7));
    expect(bytes.byteLength).toBe(0);
    const shared = new SharedArrayBuffer(4);
    await Promise.all([one.run('count', shared), one.run('count', shared)]);
    expect(new Int32Array(shared)[0]).toBe(2);
  });
});

describe('work that cannot cross to the thread', () => {
  it('is rejected with the reason, and the work around it is done', async () => {
    const one = thread({ timeoutMs: 1_000 });
    const unclonable = (() => 1) as unknown as string;
    const before = one.run('note', 'a');
    const broken = reasonOf(one.run('note', unclonable));
    const after = one.run('note', 'b');
    expect(await broken).toMatchObject({ name: 'DataCloneError' });
    expect([await before, await after]).toEqual([['a'], ['a', 'b']]);
    expect(await reasonOf(one.run('note', unclonable))).toMatchObject({ name: 'DataCloneError' });
  });
});

describe('a thread that dies', () => {
  it('of its memory rejects the work with ThreadDied, and the next work is done', async () => {
    const one = thread({ maxHeapMiB: 32 });
    await one.run('note', 'before');
    expect(await reasonOf(one.run('eatMemory', undefined))).toBeInstanceOf(ThreadDied);
    expect(await one.run('note', 'after')).toEqual(['after']);
  });

  it('of work without end is ended in time, and the next work is done', async () => {
    const one = thread({ timeoutMs: 500 });
    await one.run('add', { a: 1, b: 1 });
    expect(await reasonOf(one.run('spin', undefined))).toBeInstanceOf(ThreadDied);
    expect(await one.run('add', { a: 1, b: 2 })).toBe(3);
  });

  it('takes nothing with it that waits behind', async () => {
    const one = thread({ timeoutMs: 500 });
    const killed = reasonOf(one.run('spin', undefined));
    const waiting = one.run('add', { a: 2, b: 3 });
    expect(await killed).toBeInstanceOf(ThreadDied);
    expect(await waiting).toBe(5);
  });

  it('again and again takes only the work under way each time, and buffers that wait still move', async () => {
    const one = thread();
    const bytes = new Uint8Array(8);
    const exited = reasonOf(one.run('exit', 0));
    const starved = reasonOf(one.run('eatMemory', undefined));
    const filled = one.run('fill', bytes, [bytes.buffer]);
    expect(await exited).toBeInstanceOf(ThreadDied);
    expect(await starved).toBeInstanceOf(ThreadDied);
    expect(await filled).toEqual(new Uint8Array(8).fill(7));
    expect(bytes.byteLength).toBe(0);
  });

  it('by itself rejects the work under way, whatever its exit code', async () => {
    const one = thread();
    expect(await reasonOf(one.run('exit', 0))).toBeInstanceOf(ThreadDied);
    expect(await reasonOf(one.run('exit', 3))).toBeInstanceOf(ThreadDied);
    expect(await one.run('add', { a: 2, b: 2 })).toBe(4);
  });

  it('because its module cannot be loaded says so each time, and never hangs', async () => {
    const broken = new Thread<ThreadJobs>({
      module: new URL('./no-such-module.ts', import.meta.url),
      maxHeapMiB: 32,
      timeoutMs: 30_000,
      revive: () => new Error('never'),
    });
    expect(await reasonOf(broken.run('add', { a: 1, b: 1 }))).toBeInstanceOf(ThreadDied);
    expect(await reasonOf(broken.run('add', { a: 1, b: 1 }))).toBeInstanceOf(ThreadDied);
  });
});

describe('closing a thread', () => {
  it('rejects what is under way and what waits, and never rejects itself', async () => {
    const one = thread();
    await one.run('add', { a: 1, b: 1 });
    const work = [one.run('spin', undefined), one.run('add', { a: 1, b: 1 })].map(reasonOf);
    await one.close();
    for (const error of await Promise.all(work)) expect(error).toBeInstanceOf(ThreadDied);
    await one.close();
  });

  it('is for good: later work is rejected and starts nothing', async () => {
    const one = thread();
    await one.close();
    const error = await reasonOf(one.run('add', { a: 1, b: 1 }));
    expect(error).toMatchObject({ name: 'ThreadDied', message: 'the worker thread was closed' });
  });

  it('that never ran is nothing', async () => {
    await expect(thread().close()).resolves.toBeUndefined();
  });
});
