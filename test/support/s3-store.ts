import { systemClock, type Clock } from '../../src/lib/clock.ts';
import { openLog } from '../../src/lib/log.ts';
import type { S3Options } from '../../src/lib/s3-client.ts';
import type { PreparedStore } from '../../src/store/contract.ts';
import { openS3Bucket } from '../../src/store/s3.ts';

/** A bucket that is ready, and what it logged. Whoever opens it closes it. */
export async function openS3Store(
  options: S3Options,
  clock: Clock = systemClock,
): Promise<PreparedStore & { readonly logged: readonly LogLine[] }> {
  const logged: LogLine[] = [];
  const log = openLog(
    { level: 'debug', format: 'json' },
    { write: (line: string) => void logged.push(JSON.parse(line) as LogLine) },
  );
  const bucket = openS3Bucket(options, { clock, log });
  try {
    await bucket.prepare();
  } catch (error) {
    bucket.close();
    throw error;
  }
  return { ...bucket, logged };
}

/** A line of the log: 20 is debug, 40 a warning. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
}
