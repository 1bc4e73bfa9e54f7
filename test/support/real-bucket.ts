import { onTestFinished } from 'vitest';

import { S3Client } from '../../src/lib/s3-client.ts';
import { temporaryFolder } from './temp.ts';
import { startVersitygw, type Versitygw } from './versitygw.ts';

/** The empty bucket `charts` of a real server, and a client of it. Both end with the test. */
export async function realBucket(): Promise<{ readonly server: Versitygw; readonly client: S3Client }> {
  const server = await startVersitygw(await temporaryFolder());
  const client = new S3Client(server.options('charts'));
  onTestFinished(async () => {
    client.close();
    await server.stop();
  });
  await client.ensureBucket();
  return { server, client };
}
