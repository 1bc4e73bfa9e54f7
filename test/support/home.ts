import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Somebody wants the program to end. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/**
 * A folder that is gone when the work is done, and everything that was started stopped, last things first. Rejects with
 * `Interrupted`, tidied up as well, when a signal asks the process to end.
 */
export async function inHome<T>(work: (home: string, cleanUp: (end: () => unknown) => void) => Promise<T>): Promise<T> {
  const home = await mkdtemp(join(tmpdir(), 'chartroom-'));
  const ends: (() => unknown)[] = [];
  const interrupted = Promise.withResolvers<never>();
  const interrupt = (): void => interrupted.reject(new Interrupted());
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, interrupt);
  try {
    return await Promise.race([work(home, (stop) => ends.push(stop)), interrupted.promise]);
  } finally {
    for (const stop of ends.toReversed()) await Promise.resolve(stop()).catch(() => undefined);
    await rm(home, { recursive: true, force: true });
    for (const signal of ['SIGINT', 'SIGTERM']) process.removeListener(signal, interrupt);
  }
}
