import { describe, expect, it } from 'vitest';

import { Fault } from '../../../src/chart/fault.ts';
import { RememberedTags, type AskTags } from '../../../src/upstream/discovery/remembered-tags.ts';
import { ManualClock } from '../../support/clock.ts';
import { faultOf, never } from '../../support/http.ts';

const changedAt = '2020-01-01T00:00:00Z';
const three = ['a', 'b', 'c'].map((repository) => ({ repository, changedAt }));

/** Tags that are remembered, and the names of what was asked for. */
function opened(answer: AskTags = async () => [{ tag: '1.0.0' }]) {
  const remembered = new RememberedTags(new ManualClock());
  const asked: string[] = [];
  const ask: AskTags = (repository, signal) => {
    asked.push(repository);
    return answer(repository, signal);
  };
  const read = async (rows = three) => (await remembered.read(rows, never, ask)).map(({ repository }) => repository);
  return { asked, read };
}

describe('lists of tags that are remembered', () => {
  it('are not asked for again while nothing changes', async () => {
    const { asked, read } = opened();
    await read();
    expect([await read(), asked]).toEqual([
      ['a', 'b', 'c'],
      ['a', 'b', 'c'],
    ]);
  });

  it('are kept when one of them fails, so that a limit is overcome step by step', async () => {
    let allowed = 2;
    const { asked, read } = opened(async () => {
      if ((allowed -= 1) < 0) throw new Fault('rate-limited', 'corp: wait.', 'Wait.');
      return [{ tag: '1.0.0' }];
    });
    expect((await faultOf(read())).code).toBe('rate-limited');
    allowed = 1;
    expect([await read(), asked.length]).toEqual([['a', 'b', 'c'], 4]);
  });

  it('are left out, and asked for the next time, where there is none', async () => {
    let isThere = false;
    const { asked, read } = opened(async (name) => (name !== 'b' || isThere ? [{ tag: '1.0.0' }] : undefined));
    expect(await read()).toEqual(['a', 'c']);
    isThere = true;
    expect([await read(), asked]).toEqual([
      ['a', 'b', 'c'],
      ['a', 'b', 'c', 'b'],
    ]);
  });

  it('are forgotten with their repositories', async () => {
    const { asked, read } = opened();
    await read();
    await read(three.slice(1));
    await read();
    expect(asked).toEqual(['a', 'b', 'c', 'a']);
  });
});
