import { systemClock, type Clock } from '../../src/lib/clock.ts';
import { openLog } from '../../src/lib/log.ts';
import type { S3Options } from '../../src/lib/s3-client.ts';
import type { PreparedStore } from '../../src/store/contract.ts';
import { openS3Bucket } from '../../src/store/s3.ts';

/** A bucket that is ready, whose log nobody reads. Whoever opens it closes it. */
export async function openS3Store(
  options: S3Options,
  clock: Clock = systemClock,
): Promise<Pick<PreparedStore, 'store' | 'close'>> {
  const log = openLog({ level: 'error', format: 'json' }, { write: () => undefined });
  const { store, prepare, close } = openS3Bucket(options, { clock, log });
  try {
    await prepare();
  } catch (error) {
    close();
    throw error;
  }
  return { store, close };
}
