import { PassThrough } from 'node:stream';

import { describe, expect, test } from 'vitest';

import { confirm } from '../../src/commands/confirm.ts';

/** Asks, and types this; nothing more comes then. */
async function answered(typed: string): Promise<{ readonly yes: boolean; readonly shown: string }> {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const yes = confirm('Sure?', { input, output, signal: new AbortController().signal });
  input.end(typed);
  return { yes: await yes, shown: String(output.read()) };
}

describe('a question', () => {
  test('says what is taken for no answer', async () => {
    expect((await answered('y\n')).shown).toBe('Sure? [y/N] ');
  });

  test.each(['y\n', 'Y\n', ' yes \n', 'YES\r\n'])('takes %j for a yes', async (typed) => {
    expect((await answered(typed)).yes).toBe(true);
  });

  test.each(['\n', 'n\n', 'yesterday\n', 'no\ny\n', '', 'sure\n'])('takes %j for a no', async (typed) => {
    expect((await answered(typed)).yes).toBe(false);
  });

  test.each(['before', 'while'])('ends with the reason of a signal that comes %s it is asked', async (when) => {
    const stopping = new AbortController();
    const reason = new Error('stop');
    if (when === 'before') stopping.abort(reason);
    const streams = { input: new PassThrough(), output: new PassThrough() };
    const asked = confirm('Sure?', { ...streams, signal: stopping.signal });
    stopping.abort(reason);
    await expect(asked).rejects.toThrow(when === 'before' ? reason : /./);
  });
});
