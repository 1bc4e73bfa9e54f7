import { describe, onTestFinished } from 'vitest';

import { preemptiveAuthorization } from '../../../src/upstream/credentials/preemptive.ts';
import { rationHeaders, type OfferedChart, type OpenedUpstream } from '../../contract/upstream-fixture.ts';
import { describeUpstream } from '../../contract/upstream.ts';
import { filesOf, indexOf, openBucket, testKeys } from '../../support/bucket-upstream.ts';
import { answerAsAmazon, fakeAmazonBucket } from '../../support/fake-amazon-s3.ts';
import { answerAsGoogle, fakeGoogleBucket } from '../../support/fake-gcs.ts';
import { faultUpstream, type FaultUpstream } from '../../support/fault-upstream.ts';
import { realBucket } from '../../support/real-bucket.ts';
import { needsTools } from '../../support/tools.ts';

type Files = (charts: readonly OfferedChart[]) => ReadonlyMap<string, Buffer>;

const bare: Files = (charts) => filesOf(charts, 'stable/deep/');
const indexed: Files = (charts) => new Map([...filesOf(charts, 'stable/'), ['stable/index.yaml', indexOf(charts)]]);

/** What happens to any server of buckets on loopback. */
function troubles(server: FaultUpstream): Pick<OpenedUpstream, 'fail' | 'failPartly' | 'ration' | 'hang'> {
  return {
    ration: async (allowance) => server.alwaysSay(rationHeaders(allowance)),
    fail: async () => server.all({ status: 500, body: 'oops' }),
    failPartly: async () => {
      server.distort((answer, { target }) => (/loki|index\.yaml/.test(target) ? { ...answer, cutAt: 40 } : answer));
    },
    hang: async () => {
      const [arrived, latch] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      onTestFinished(() => latch.resolve());
      server.all(() => {
        arrived.resolve();
        return { hold: latch.promise };
      });
      return { arrived: arrived.promise };
    },
  };
}

function fill<T>(objects: Map<string, T>, files: ReadonlyMap<string, Buffer>, wrap: (bytes: Buffer) => T): void {
  objects.clear();
  for (const [key, bytes] of files) objects.set(key, wrap(bytes));
}

describe.each([
  ['with an index', indexed],
  ['of bare archives', bare],
])('%s', (how, files) => {
  describeUpstream(`a bucket of Amazon S3 ${how}`, async (charts) => {
    const { accessKeyId, secretAccessKey } = testKeys;
    const bucket = fakeAmazonBucket({ keys: new Map([[accessKeyId, { secret: secretAccessKey }]]), pageSize: 2 });
    const offer = async (next: readonly OfferedChart[]) => fill(bucket.objects, files(next), (bytes) => bytes);
    await offer(charts);
    const server = await faultUpstream({ otherwise: (request) => answerAsAmazon(bucket, request) });
    const upstream = openBucket('s3://charts/stable', { endpoint: server.origin, identity: async () => testKeys });
    return { upstream, offer, ...troubles(server) };
  });

  describeUpstream(`a bucket of Google's ${how}`, async (charts) => {
    const bucket = fakeGoogleBucket({ tokens: new Set(['ya29.good']), pageSize: 2 });
    const offer = async (next: readonly OfferedChart[]) => fill(bucket.objects, files(next), (bytes) => ({ bytes }));
    await offer(charts);
    const server = await faultUpstream({ otherwise: (request) => answerAsGoogle(bucket, request) });
    const login = { description: 'Google', login: async () => ({ kind: 'bearer', token: 'ya29.good' }) as const };
    const authorization = preemptiveAuthorization({ upstream: 'fixture', login });
    const upstream = openBucket('gs://charts/stable', { endpoint: server.origin, authorization });
    return { upstream, offer, ...troubles(server) };
  });

  describe.skipIf(needsTools('versitygw'))('on a real server', () => {
    describeUpstream(`a bucket of versitygw ${how}`, async (charts) => {
      const { server, client } = await realBucket();
      const offer = async (next: readonly OfferedChart[]) => {
        for await (const { key } of client.list('')) await client.remove(key);
        for (const [key, bytes] of files(next)) await client.put(key, bytes);
      };
      await offer(charts);
      const { accessKeyId, secretAccessKey, endpoint, region } = server;
      const identity = async () => ({ accessKeyId, secretAccessKey });
      const upstream = openBucket('s3://charts/stable', { endpoint, region, identity });
      return { upstream, offer, fail: () => server.stop() };
    });
  });
});
