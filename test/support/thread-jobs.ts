import { Fault, plainFault } from '../../src/chart/fault.ts';
import { serveJobs } from '../../src/lib/thread.ts';

const done: string[] = [];

function eatMemory(): never {
  const eaten: unknown[] = [];
  for (;;) eaten.push(Array.from({ length: 10_000 }, (_, at) => ({ at })));
}

function spin(): never {
  for (;;);
}

/** What the threads of tests can do, good and bad. */
const jobs = {
  add: ({ a, b }: { readonly a: number; readonly b: number }) => a + b,
  note(word: string): readonly string[] {
    done.push(word);
    return [...done];
  },
  fault(code: 'listing-invalid' | 'rate-limited'): never {
    throw new Fault(code, 'nexus: no.', 'Do something.', { retryAfterMs: 5, cause: new Error('inner') });
  },
  fail(message: string): never {
    throw new TypeError(message);
  },
  throwText(text: string): never {
    // eslint-disable-next-line typescript/only-throw-error
    throw text;
  },
  fill: (bytes: Uint8Array) => bytes.fill(7),
  count: (shared: SharedArrayBuffer) => Atomics.add(new Int32Array(shared), 0, 1),
  unclonable: () => () => undefined,
  eatMemory,
  spin,
  exit: (code: number) => process.exit(code),
};

export type ThreadJobs = typeof jobs;

serveJobs(
  jobs,
  (error) => (error instanceof Fault ? plainFault(error) : undefined),
  (value) => (value instanceof Uint8Array && value.buffer instanceof ArrayBuffer ? [value.buffer] : []),
);
