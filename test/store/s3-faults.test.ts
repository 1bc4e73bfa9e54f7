import { once } from 'node:events';
import type { Readable } from 'node:stream';

import { describe, expect, it, onTestFinished } from 'vitest';

import { systemClock, type Clock } from '../../src/lib/clock.ts';
import { S3Client, type S3Options } from '../../src/lib/s3-client.ts';
import type { ObjectStore } from '../../src/store/contract.ts';
import { bucketFault, s3Store } from '../../src/store/s3.ts';
import { patternBytes } from '../contract/object-store.ts';
import { ManualClock } from '../support/clock.ts';
import { fakeS3, s3Error, s3Object, type S3Handler } from '../support/fake-s3.ts';
import { closedPort, faultOf } from '../support/http.ts';
import { openS3Store } from '../support/s3-store.ts';

const hello = Buffer.from('hello');
const large = 3 * 1024 * 1024;

/** The machine's clock, except that nobody waits between attempts. */
const impatient: Clock = {
  now: () => systemClock.now(),
  elapsed: () => systemClock.elapsed(),
  sleep: (ms, signal) => (ms <= 2000 ? Promise.resolve() : systemClock.sleep(ms, signal)),
};

function storeOf(options: S3Options, clock: Clock = impatient): ObjectStore {
  const client = new S3Client(options, { clock, toError: (failure) => bucketFault(failure, options) });
  onTestFinished(() => client.close());
  return s3Store(client);
}

async function drain(body: Buffer | Readable | undefined): Promise<number> {
  let size = 0;
  if (body && !Buffer.isBuffer(body)) for await (const chunk of body) size += (chunk as Buffer).length;
  return size;
}

const hang: S3Handler = () => undefined;
const reset: S3Handler = (request) => request.socket.resetAndDestroy();

describe('a store in a bucket whose server is in trouble', () => {
  it('tries what may pass again, and answers once it passed', async () => {
    const server = await fakeS3(s3Error(503, 'SlowDown'));
    const store = storeOf(server.options);
    const troubles: S3Handler[] = [s3Error(503, 'SlowDown'), s3Error(500, 'InternalError'), reset];
    server.answer((...all) => (troubles.shift() ?? s3Object(hello))(...all));
    expect(String((await store.read('a'))?.body)).toBe('hello');
    expect(server.requests).toHaveLength(4);
  });

  it('faults when it does not pass, leaks no connection, and recovers without a restart', async () => {
    const server = await fakeS3(s3Error(503, 'SlowDown'));
    const store = storeOf(server.options);
    const faults = await Promise.all(Array.from({ length: 100 }, () => faultOf(store.head('a'))));
    expect(new Set(faults.map(({ code }) => code))).toEqual(new Set(['store-failed']));
    expect(faults[0]?.message).toContain('503');
    server.answer(s3Object(hello));
    const answers = await Promise.all(Array.from({ length: 100 }, () => store.read('a')));
    expect(answers.every((answer) => String(answer?.body) === 'hello')).toBe(true);
    expect(await server.connections()).toBeLessThanOrEqual(64);
  });

  it('does not try again what will not pass, and says what to do', async () => {
    const server = await fakeS3(s3Error(403, 'SignatureDoesNotMatch'));
    const fault = await faultOf(storeOf(server.options).read('a'));
    expect(server.requests).toHaveLength(1);
    expect(fault.advice).toContain('secretAccessKey');
    expect(JSON.stringify([fault.message, fault.advice, String(fault.cause)])).not.toContain('very-secret');
  });

  it('faults in time when nothing is answered', async () => {
    const server = await fakeS3(hang);
    const clock = new ManualClock();
    const store = storeOf(server.options, clock);
    const work = [store.head('a'), store.read('a'), store.write('a', hello, 'absent'), store.remove('a')].map(faultOf);
    const faults = Promise.all(work);
    while (server.requests.length < 4) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(5100);
    for (const fault of await faults) expect([fault.code, fault.timedOut]).toEqual(['store-failed', true]);
    server.answer(s3Object(hello));
    expect(String((await store.read('a'))?.body)).toBe('hello');
  });

  it('faults when the connection is refused, or cut every time', async () => {
    const server = await fakeS3(reset);
    expect((await faultOf(storeOf(server.options).head('a'))).code).toBe('store-failed');
    const endpoint = `http://127.0.0.1:${await closedPort()}`;
    const fault = await faultOf(openS3Store({ ...server.options, endpoint }, impatient));
    expect([fault.code, fault.message.includes('ECONNREFUSED')]).toEqual(['store-failed', true]);
  });

  it('reads a small object again when its body was cut', async () => {
    let cuts = 2;
    const server = await fakeS3((request, response, body) => {
      if (cuts-- <= 0) return s3Object(hello)(request, response, body);
      response.writeHead(200, { 'content-length': 5, etag: '"e"' });
      response.write('he', () => request.socket.destroy());
    });
    expect(String((await storeOf(server.options).read('a'))?.body)).toBe('hello');
    expect(server.requests).toHaveLength(3);
  });

  it('ends a large body with a fault when it is cut', async () => {
    const server = await fakeS3((request, response) => {
      response.writeHead(200, { 'content-length': large, etag: '"e"' });
      response.write(patternBytes(large / 2), () => request.socket.destroy());
    });
    const object = await storeOf(server.options).read('a');
    const fault = await faultOf(drain(object?.body));
    expect([fault.code, fault.message.includes('ended early')]).toEqual(['store-failed', true]);
  });

  it('ends a large body with a fault when it stands still', async () => {
    const server = await fakeS3(
      (_, response) => {
        response.writeHead(200, { 'content-length': large, etag: '"e"' });
        response.write(patternBytes(1000));
      },
      { timeoutMs: 200 },
    );
    const fault = await faultOf(drain((await storeOf(server.options, systemClock).read('a'))?.body));
    expect([fault.code, fault.timedOut]).toEqual(['store-failed', true]);
  });

  it('does not drop a body because its reader is slow', async () => {
    const bytes = patternBytes(large);
    const server = await fakeS3(s3Object(bytes), { timeoutMs: 100 });
    const body = (await storeOf(server.options, systemClock).read('a'))?.body as Readable;
    await once(body, 'readable');
    // three times as long as a server may stand still
    await systemClock.sleep(300);
    expect(await drain(body)).toBe(large);
  });

  it('gives the connection of a body that is destroyed back to the others', async () => {
    const server = await fakeS3(s3Object(patternBytes(large)));
    const store = storeOf(server.options);
    for (let round = 0; round < 130; round += 1) {
      const object = await store.read('a');
      if (object && !Buffer.isBuffer(object.body)) object.body.destroy();
    }
    server.answer(s3Object(hello));
    expect(String((await store.read('a'))?.body)).toBe('hello');
  });

  it('does not take the error page of something in between for absence', async () => {
    const server = await fakeS3((_, response) => {
      response.writeHead(404, { 'content-type': 'text/html' });
      response.end('<html>default backend - 404</html>');
    });
    const store = storeOf(server.options);
    expect((await faultOf(store.read('a'))).code).toBe('store-failed');
    expect((await faultOf(store.head('a'))).code).toBe('store-failed');
  });

  it('takes neither a whole object for the part that was asked for, nor a part for the whole', async () => {
    const server = await fakeS3(s3Object(hello));
    const store = storeOf(server.options);
    expect((await faultOf(store.read('a', { start: 1, end: 2 }))).code).toBe('store-failed');
    server.answer((_, response) => {
      response.writeHead(206, { 'content-length': 2, 'content-range': 'bytes 0-1/5', etag: '"e"' });
      response.end('he');
    });
    expect((await faultOf(store.read('a'))).code).toBe('store-failed');
  });

  it('reads no more of an error than it needs', async () => {
    const server = await fakeS3((_, response) => {
      response.writeHead(400);
      const more = () => void (response.destroyed || response.write(Buffer.alloc(65_536, '<a>'), more));
      more();
    });
    expect((await faultOf(storeOf(server.options).read('a'))).code).toBe('store-failed');
  });

  it('refuses a listing that is none or has no end', async () => {
    const server = await fakeS3((_, response) => response.end('<html></html>'));
    const list = async (store: ObjectStore) => {
      for await (const { key } of store.list('')) expect(key).toBe('nothing');
    };
    const store = storeOf(server.options);
    expect((await faultOf(list(store))).message).toContain('listing');
    server.answer((_, response) => {
      const more = () => void (response.destroyed || response.write(Buffer.alloc(1_000_000, 'x'), more));
      more();
    });
    expect((await faultOf(list(store))).code).toBe('store-failed');
  });
});

describe('conditional writes to a bucket', () => {
  it('are conflicts at 412, at 409 that does not pass, and where the object to replace is gone', async () => {
    const server = await fakeS3(s3Error(412, 'PreconditionFailed'));
    const store = storeOf(server.options);
    expect(await store.write('a', hello, 'absent')).toBe('conflict');
    server.answer(s3Error(409, 'ConditionalRequestConflict'));
    expect(await store.write('a', hello, { etag: 'e' })).toBe('conflict');
    server.answer(s3Error(404, 'NoSuchKey'));
    expect(await store.write('a', hello, { etag: 'e' })).toBe('conflict');
    server.answer(s3Error(404, 'NoSuchBucket'));
    expect((await faultOf(store.write('a', hello, 'absent'))).advice).toContain('createBucket');
  });

  it('send the condition as a header', async () => {
    const seen: unknown[] = [];
    const server = await fakeS3((request, response, body) => {
      seen.push(request.headers['if-none-match'], request.headers['if-match'], body.toString());
      s3Object(Buffer.alloc(0))(request, response, body);
    });
    const store = storeOf(server.options);
    await store.write('a', hello, 'absent');
    await store.write('a', hello, { etag: 'e7' });
    expect(seen).toEqual(['*', undefined, 'hello', undefined, '"e7"', 'hello']);
  });

  it('know their own success again when its answer was lost', async () => {
    let stored: Buffer | undefined;
    const server = await fakeS3((request, response, body) => {
      if (request.method === 'GET') return s3Object(stored ?? Buffer.alloc(0), 'own')(request, response, body);
      if (stored) return s3Error(412, 'PreconditionFailed')(request, response, body);
      stored = body;
      request.socket.resetAndDestroy();
    });
    expect(await storeOf(server.options).write('a', hello, 'absent')).toEqual({ etag: 'own' });
  });

  it('are conflicts when the answer was lost and somebody else was first', async () => {
    const handlers: S3Handler[] = [reset, s3Error(412, 'PreconditionFailed'), s3Object(Buffer.from('other'))];
    const server = await fakeS3((...all) => (handlers.shift() ?? hang)(...all));
    expect(await storeOf(server.options).write('a', hello, 'absent')).toBe('conflict');
  });
});

describe('opening a bucket', () => {
  it('creates one that is missing when it may, also when another replica is quicker', async () => {
    for (const last of [s3Object(Buffer.alloc(0)), s3Error(409, 'BucketAlreadyOwnedByYou')]) {
      const server = await fakeS3((request, response, body) => {
        (request.method === 'HEAD' ? s3Error(404, 'NoSuchBucket') : last)(request, response, body);
      });
      // what the bucket holds then is another matter
      const opening = openS3Store({ ...server.options, createBucket: true }, impatient);
      await opening.then(
        ({ close }) => close(),
        () => undefined,
      );
      expect(server.requests.slice(0, 2)).toEqual(['HEAD /charts', 'PUT /charts']);
    }
  });

  it('says in which region the bucket is when the configured one is wrong', async () => {
    const server = await fakeS3((request, response, body) => {
      response.setHeader('x-amz-bucket-region', 'eu-central-1');
      s3Error(301, 'PermanentRedirect')(request, response, body);
    });
    const fault = await faultOf(openS3Store(server.options, impatient));
    expect(fault.message).toContain('eu-central-1');
    expect(fault.advice).toContain('region');
  });
});
