import { getEventListeners } from 'node:events';

import { expect, it } from 'vitest';

import { Deadline } from '../../../src/upstream/http/deadline.ts';
import { ManualClock } from '../../support/clock.ts';

it('a deadline tells whoever asked when the work is done, its time is up or the caller gave up', async () => {
  const clock = new ManualClock();
  const caller = new AbortController();
  const over: string[] = [];
  const deadlines = ['done', 'expired', 'abandoned'].map((name) => {
    const deadline = new Deadline(clock, name === 'expired' ? 10 : 1000, caller.signal);
    deadline.whenOver(() => over.push(name));
    return deadline;
  });
  deadlines[0]?.end();
  await clock.advance(10);
  expect(over).toEqual(['done', 'expired']);
  caller.abort();
  expect(new Set(over)).toEqual(new Set(['done', 'expired', 'abandoned']));
});

it('a deadline whose work is done leaves nothing listening to a caller that lives long', () => {
  const deadline = new Deadline(new ManualClock(), 1000, new AbortController().signal);
  deadline.whenOver(() => undefined);
  deadline.end();
  expect(getEventListeners(deadline.signal, 'abort')).toEqual([]);
});
