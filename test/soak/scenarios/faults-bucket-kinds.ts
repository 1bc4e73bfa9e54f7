import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import {
  cutAnswers,
  cutUploads,
  failing,
  hanging,
  late,
  staleLists,
  startFaultS3,
  withoutConditions,
  type FaultS3,
  type S3Trouble,
} from '../../support/fault-s3.ts';
import { startTcpToxic, type TcpToxic } from '../../support/tcp-toxic.ts';
import { startVersitygw } from '../../support/versitygw.ts';
import { Broken } from '../observer.ts';
import { openRoom, soakFolder } from './faults-client.ts';
import type { Kind } from './faults-kind.ts';
import { surviveRot } from './faults-rot.ts';
import { openStoreRig, withTrouble, type StoreExpected, type StoreRig } from './faults-store-rig.ts';

/** A server on a bucket of a real S3 server, with something between them. */
export interface BucketRig extends StoreRig {
  readonly s3: FaultS3;
  readonly network: TcpToxic;
  /** What the configuration says of the bucket; and what it says where nothing is between them. */
  readonly store: object;
  readonly gatewayStore: object;
  /** Where the S3 server keeps its objects. */
  readonly objects: string;
}

const bucket = 'charts';
const versionsPerRound = 16;

/** Starts everything. */
export async function openBucketRig(): Promise<BucketRig> {
  const folder = await soakFolder();
  const gateway = await startVersitygw(join(folder, 's3'));
  const s3 = await startFaultS3(gateway.port);
  const network = await startTcpToxic({ to: s3.port });
  const { accessKeyId, secretAccessKey, region } = gateway;
  const endpoint = `http://127.0.0.1:${network.port}`;
  const store = { s3: { endpoint, region, accessKeyId, secretAccessKey, bucket, createBucket: true } };
  const gatewayStore = { s3: { ...store.s3, endpoint: gateway.endpoint } };
  const rig = await openStoreRig({ store, folder, versions: versionsPerRound });
  return {
    ...rig,
    ...{ s3, network, store, gatewayStore, objects: join(folder, 's3', bucket) },
    close: async () => {
      await rig.close();
      await network.close();
      await s3.close();
      await gateway.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const away: StoreExpected = { unread: 503, cold: 503, told: true };
const fine: StoreExpected = { unread: 200, cold: 200, told: false };
const awayPromise = 'what is in memory 200, the rest 503; ready and alive; well again without a restart';

function bucketKind(
  { name, done, promise }: Pick<Kind<BucketRig>, 'name' | 'done' | 'promise'>,
  befall: (rig: BucketRig) => void | Promise<void>,
  expected: StoreExpected,
): Kind<BucketRig> {
  const mend = async ({ s3, network }: BucketRig): Promise<void> => {
    s3.trouble(undefined);
    await network.apply('none');
  };
  const run = (rig: BucketRig): Promise<void> =>
    withTrouble(rig, { befall: () => befall(rig), mend: () => mend(rig), expected });
  return { name, done, promise, run };
}

function answering(name: string, done: string, trouble: S3Trouble): Kind<BucketRig> {
  return bucketKind({ name, done, promise: awayPromise }, ({ s3 }) => s3.trouble(trouble), away);
}

const hangs: Kind<BucketRig> = {
  name: 'FLT-30 hangs',
  done: 'the S3 server takes requests and answers none',
  promise: 'what is in memory 200; who waits for something else has it once the server is back',
  run: async ({ client, s3, network, ...rig }) => {
    const [unread, cold] = [rig.nextUnread(), rig.shop.nextCold()];
    let waiting: Promise<unknown> = Promise.resolve();
    try {
      s3.trouble(hanging);
      waiting = client.observer.read(client.url, unread);
      await client.ask(cold, 504);
      await client.readEverything();
    } finally {
      s3.trouble(undefined);
      await network.apply('none');
    }
    await waiting;
    await client.eventually(() => client.ask(unread, 200));
    await client.eventually(() => client.ask(cold, 200));
    await client.readEverything();
  },
};

const notKept: Kind<BucketRig> = {
  name: 'FLT-32 cut uploads, then failing',
  done: 'of what is written only 20 bytes arrive, and then every answer of the S3 server is 500',
  promise: 'what was answered though it was not kept is answered again',
  run: async ({ client, s3, shop }) => {
    const cold = shop.nextCold();
    try {
      s3.trouble(cutUploads);
      await client.ask(cold, 200);
      s3.trouble(failing(500, 'InternalError'));
      await client.readEverything();
    } finally {
      s3.trouble(undefined);
      await client.eventually(() => client.ask(cold, 200));
    }
  },
};

const unconditional: Kind<BucketRig> = {
  name: 'FLT-33 no conditional writes',
  done: 'an S3 server that knows neither If-None-Match nor If-Match, from the start of a server',
  promise: 'found out at start, a warning, and everything 200 for the one server that may use it',
  run: async ({ s3, store, shop, nextUnread }) => {
    s3.trouble(withoutConditions);
    const room = await openRoom({ store, upstreams: [shop.settings] });
    try {
      await room.server.logged(({ level, msg }) => level === 40 && msg.includes('no conditional writes'));
      await room.client.ask(nextUnread(), 200);
      await room.client.ask(shop.nextCold(), 200);
      await room.client.sync(shop.name, 200);
      await room.client.readEverything();
    } finally {
      await room.close();
      s3.trouble(undefined);
    }
  },
};

const partition: Kind<BucketRig> = {
  name: 'FLT-51 partition',
  done: 'one of two servers loses the way to the bucket, the other one lists something new',
  promise: 'both go on serving; the lost one serves the same index within 10 s of being back',
  run: async ({ client, network, shop, gatewayStore }) => {
    const other = await openRoom({ store: gatewayStore, upstreams: [shop.settings] });
    try {
      await network.apply('refused');
      await shop.stock(1);
      await other.client.sync(shop.name, 200);
      await Promise.all([client.readEverything(), other.client.readEverything()]);
      await network.apply('none');
      await client.eventually(async () => {
        const [one, another] = await Promise.all([client, other.client].map(({ url }) => etagAt(url)));
        if (one !== another) throw new Broken(`one index is ${one}, the other ${another}`);
      }, 10_000);
      await client.readEverything();
    } finally {
      await network.apply('none');
      await other.close();
    }
  },
};

async function etagAt(url: string): Promise<string | null> {
  return (await fetch(`${url}/index.yaml`, { method: 'HEAD' })).headers.get('etag');
}

/** Faults of an S3 server and of the way to it. */
export const bucketKinds: readonly Kind<BucketRig>[] = [
  bucketKind(
    { name: 'FLT-30 refused', done: 'the S3 server refuses connections', promise: awayPromise },
    ({ network }) => network.apply('refused'),
    away,
  ),
  hangs,
  answering('FLT-30 failing', 'every answer of the S3 server is 500', failing(500, 'InternalError')),
  answering('FLT-30 slow down', 'every answer of the S3 server is 503 SlowDown', failing(503, 'SlowDown')),
  answering('FLT-30 skewed clock', 'the S3 server finds our clock wrong', failing(403, 'RequestTimeTooSkewed')),
  bucketKind(
    { name: 'FLT-30 cut answers', done: 'every object breaks off after 20 bytes', promise: awayPromise },
    ({ s3 }) => s3.trouble(cutAnswers),
    // that nothing is there can be told
    { unread: 503, cold: 200, told: false },
  ),
  bucketKind(
    { name: 'FLT-31 slow', done: 'every answer of the S3 server comes 150 ms late', promise: 'everything 200' },
    ({ s3 }) => s3.trouble(late(150)),
    fine,
  ),
  bucketKind(
    { name: 'FLT-31 stale lists', done: 'lists of the bucket know of no object', promise: 'everything 200' },
    ({ s3 }) => s3.trouble(staleLists),
    fine,
  ),
  bucketKind(
    {
      name: 'FLT-32 cut uploads',
      done: 'of every object that is written only 20 bytes arrive',
      promise: 'everything 200: what is verified is answered though it is not kept; kept once the server is back',
    },
    ({ s3 }) => s3.trouble(cutUploads),
    { ...fine, told: true },
  ),
  notKept,
  unconditional,
  partition,
  {
    name: 'FLT-36 bit rot in a bucket',
    done: 'one bit of every blob in the bucket turned, none of them read before',
    promise: 'never wrong bytes: fetched again, 503 while upstream is away; counted',
    run: (rig) => surviveRot(rig, rig.objects),
  },
];
