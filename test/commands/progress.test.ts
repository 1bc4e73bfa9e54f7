import { Writable } from 'node:stream';

import { expect, test } from 'vitest';

import { terminalLine } from '../../src/commands/progress.ts';

/** A terminal, and what stands on its last line. */
function openTerminal(columns: number) {
  let text = '';
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      text += chunk.toString();
      done();
    },
  });
  const terminal = Object.assign(stream, { columns });
  return {
    line: terminalLine(terminal as Parameters<typeof terminalLine>[0]),
    written: () => text,
    shown: () => screenOf(text),
  };
}

/** Plays the cursor: to the first column, erase to the right, erase the line. */
function screenOf(text: string): string {
  let [line, at] = ['', 0];
  for (const [part] of text.matchAll(/\u001b\[1G|\u001b\[0K|\u001b\[2K|[^\u001b]/g)) {
    if (part === '\u001b[1G') at = 0;
    else if (part === '\u001b[0K') line = line.slice(0, at);
    else if (part === '\u001b[2K') line = '';
    else {
      line = line.slice(0, at) + part + line.slice(at + 1);
      at += 1;
    }
  }
  return line;
}

test('a line is put in place of a longer one', () => {
  const { line, shown } = openTerminal(80);
  line.show('12 archives fetched');
  line.show('done');

  expect(shown()).toBe('done');
});

test('a line that is taken away leaves nothing', () => {
  const { line, shown } = openTerminal(80);
  line.show('12 archives fetched');
  line.clear();

  expect(shown()).toBe('');
});

test('a line never reaches the edge, where the terminal would begin another', () => {
  const { line, shown } = openTerminal(10);
  line.show('0123456789abc');

  expect(shown()).toBe('012345678');
});

test('a terminal that does not know its width is taken for a usual one', () => {
  const { line, shown } = openTerminal(0);
  line.show('x'.repeat(100));

  expect(shown()).toHaveLength(79);
});

test('nothing is written where nothing was shown', () => {
  const { line, written } = openTerminal(80);
  line.clear();

  expect(written()).toBe('');
});
