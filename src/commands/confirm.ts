import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';

export interface Confirming {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  /** Ends the question with its reason. */
  readonly signal: AbortSignal;
}

/** Asks a question, and answers whether the line that comes back is a yes. No answer at all is a no. */
export async function confirm(question: string, { input, output, signal }: Confirming): Promise<boolean> {
  signal.throwIfAborted();
  // the terminal goes on making signals of the keys for them
  const lines = createInterface({ input, output, terminal: false });
  const silence = once(lines, 'close').then(() => '');
  try {
    const answer = await Promise.race([lines.question(`${question} [y/N] `, { signal }), silence]);
    return /^\s*y(?:es)?\s*$/i.test(answer);
  } finally {
    lines.close();
  }
}
