import { clearLine, cursorTo } from 'node:readline';
import type { WriteStream } from 'node:tty';

/** A line that says how far something is, and then says something else. */
export interface ProgressLine {
  /** Puts `text` in place of what is shown. */
  show(text: string): void;
  /** Takes away what is shown, so that something else can be written there. */
  clear(): void;
}

/** The line of a terminal on which the cursor stands. Text beyond its width is left out, since only one line is rewritten. */
export function terminalLine(terminal: Pick<WriteStream, 'columns' | 'write'> & NodeJS.WritableStream): ProgressLine {
  let shown = false;
  return {
    show: (text) => {
      cursorTo(terminal, 0);
      terminal.write(text.slice(0, (terminal.columns || usualColumns) - 1));
      clearLine(terminal, 1);
      shown = true;
    },
    clear: () => {
      if (!shown) return;
      cursorTo(terminal, 0);
      clearLine(terminal, 0);
      shown = false;
    },
  };
}

/** For terminals that do not say how wide they are. */
const usualColumns = 80;
