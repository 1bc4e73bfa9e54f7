import { Fault } from '../chart/fault.ts';
import type { ByteRange } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { S3Client, type S3Options } from '../lib/s3-client.ts';
import { S3Failure } from '../lib/s3-failure.ts';
import { supportsConditionalWrites, withOwnConditions } from './conditional.ts';
import type { ObjectInfo, ObjectStore, OpenObject, Precondition, PreparedStore, Written } from './contract.ts';
import { isKey, requireKey, requirePrefix, requireRange } from './keys.ts';

/**
 * A store in a bucket, below a prefix. Nothing is contacted before `prepare`, which faults with 'store-failed' when the
 * bucket is not there (and may not be made), is not ours, or does not answer. A bucket without conditional writes is
 * found out then: it serves one process.
 */
export function openS3Bucket(options: S3Options, { clock, log }: { clock: Clock; log: Log }): PreparedStore {
  const client = new S3Client(options, { clock, toError: (failure) => bucketFault(failure, options) });
  let bucket = s3Store(client);
  let conditional = true;
  const prepare = async (): Promise<void> => {
    await client.ensureBucket();
    const supported = await supportsConditionalWrites(bucket).catch((error: unknown) => {
      if (!isDenied(error)) throw error;
      // what cannot be written can still be read
      log.error({ err: error }, 'the bucket cannot be written');
      return true;
    });
    if (supported) return;
    conditional = false;
    log.warn('the bucket has no conditional writes: run one server only on it');
    bucket = withOwnConditions(s3Store(client));
  };
  const store: ObjectStore = {
    head: (key) => bucket.head(key),
    read: (key, range) => bucket.read(key, range),
    write: (key, bytes, onlyIf) => bucket.write(key, bytes, onlyIf),
    remove: (key) => bucket.remove(key),
    list: (prefix) => bucket.list(prefix),
  };
  return {
    store,
    prepare,
    conditional: () => conditional,
    tidy: uploadTidier(client, { clock, log }),
    close: () => client.close(),
  };
}

/**
 * Gives up uploads in parts. Ours are none, but what stands before a bucket may make them. A bucket that may not or
 * cannot tell of them has none to tidy, which is said once.
 */
function uploadTidier(client: S3Client, { clock, log }: { clock: Clock; log: Log }): PreparedStore['tidy'] {
  let told = false;
  return async (olderThanMs) => {
    const beforeMs = clock.now() - olderThanMs;
    let count = 0;
    try {
      for await (const upload of client.uploads()) {
        const isOld = isKey(upload.key) && upload.startedMs < beforeMs;
        if (isOld && (await client.abortUpload(upload))) count += 1;
      }
    } catch (error) {
      if (!isDenied(error) && !isUnknown(error)) throw error;
      if (!told) log.debug({ err: error }, 'interrupted uploads in the bucket cannot be tidied');
      told = true;
    }
    return count;
  };
}

/**
 * A store on a client whose errors are faults already. Conditional writes are those of the server (`If-None-Match`,
 * `If-Match`): ask `supportsConditionalWrites` once at start.
 */
export function s3Store(client: S3Client): ObjectStore {
  return {
    head: async (key) => {
      requireKey(key);
      const found = await client.head(key);
      return found && { key, ...found };
    },
    read: (key, range) => read(client, key, range),
    write: async (key, bytes, onlyIf?: Precondition): Promise<Written | 'conflict'> => {
      requireKey(key);
      return client.put(key, bytes, onlyIf);
    },
    remove: async (key) => {
      requireKey(key);
      await client.remove(key);
    },
    list: (prefix) => list(client, prefix),
  };
}

async function read(client: S3Client, key: string, range: ByteRange | undefined): Promise<OpenObject | undefined> {
  requireKey(key);
  if (range) requireRange(key, range, Number.POSITIVE_INFINITY);
  const found = await client.get(key, range);
  if (!found) return undefined;
  const { partSize, size, etag, body } = found;
  if (!range || partSize === range.end - range.start + 1) return { size: partSize, total: size, etag, body };
  if (!Buffer.isBuffer(body)) body.destroy();
  requireRange(key, range, size);
  throw new Fault('store-failed', `the bucket answered with another part of ${key}`, 'Check what stands before it.');
}

async function* list(client: S3Client, prefix: string): AsyncIterable<ObjectInfo> {
  requirePrefix(prefix);
  yield* client.list(prefix);
}

/** Whether the server does not know what was asked for. */
function isUnknown(error: unknown): boolean {
  const { cause } = error as Error;
  return cause instanceof S3Failure && [405, 501].includes(cause.status ?? 0);
}

function isDenied(error: unknown): boolean {
  const { cause } = error as Error;
  return cause instanceof S3Failure && (cause.code === 'AccessDenied' || cause.status === 403);
}

const advices: Readonly<Record<string, string>> = {
  NoSuchBucket: 'Create it, set store.s3.createBucket, or check the name, the region and the endpoint.',
  AccessDenied: 'The identity needs s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject.',
  Status403: 'Check the keys; the identity needs s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject.',
  InvalidAccessKeyId: 'Check accessKeyId.',
  SignatureDoesNotMatch: 'Check secretAccessKey, and that nothing between here and the bucket rewrites requests.',
  RequestTimeTooSkewed: 'Set the clock of this machine.',
  ExpiredToken: 'Renew the credentials.',
  Credentials: 'Set accessKeyId and secretAccessKey, or give this machine or pod an identity.',
  PermanentRedirect: 'Check the region and the endpoint.',
  Status301: 'Check the region and the endpoint.',
  Status307: 'Check the region and the endpoint.',
  Status400: 'Check the region and the endpoint.',
  AuthorizationHeaderMalformed: 'Check the region.',
  InvalidRange: 'The object is shorter than what was recorded of it: run a check of the store.',
  Timeout: 'Check the endpoint, the network and the load of the S3 server.',
  Network: 'Check the endpoint, the firewall and the certificates of the S3 server.',
};

/** The fault for a failure of a bucket, in words. It names bucket and endpoint, never keys. */
export function bucketFault(failure: S3Failure, options: S3Options): Fault {
  const where = `the bucket ${options.bucket} at ${options.endpoint ?? `Amazon S3 in ${options.region}`}`;
  const region = failure.region && failure.region !== options.region ? ` (it is in ${failure.region})` : '';
  const advice = advices[failure.code] ?? 'Look into the log of the S3 server.';
  const timedOut = failure.code === 'Timeout';
  const message = `${where} did not do what the store needs: ${failure.message}${region}.`;
  return new Fault('store-failed', message, advice, { cause: failure, timedOut });
}
