import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';

import type { S3Options } from '../../src/lib/s3-client.ts';
import { Secret } from '../../src/lib/secret.ts';
import { end, freePort, untilReady } from './process.ts';
import { tool } from './tools.ts';

/** A real S3 server on a folder, on loopback. */
export interface Versitygw {
  readonly endpoint: string;
  readonly port: number;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
  /** What a client of one of its buckets is opened with. */
  options(bucket: string, more?: Partial<S3Options>): S3Options;
  /** Ends the process; what was stored stays in the folder. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

const accessKeyId = 'chartroom-test';
const secretAccessKey = 'chartroom-test-secret';
const region = 'us-east-1';

/** Starts one on `folder` and waits until it answers. Whoever starts it stops it. */
export async function startVersitygw(folder: string, port?: number): Promise<Versitygw> {
  await mkdir(folder, { recursive: true });
  const chosen = port ?? (await freePort());
  const child = spawn(tool('versitygw'), ['--port', `127.0.0.1:${chosen}`, '--quiet', 'posix', folder], {
    env: { ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey, PATH: process.env['PATH'] },
    stdio: 'ignore',
  });
  await untilReady(child, () => accepts(chosen));
  const endpoint = `http://127.0.0.1:${chosen}`;
  return {
    endpoint,
    port: chosen,
    accessKeyId,
    secretAccessKey,
    region,
    options: (bucket, more = {}) => ({
      endpoint,
      region,
      bucket,
      prefix: '',
      accessKeyId,
      secretAccessKey: Secret.of(secretAccessKey),
      pathStyle: true,
      createBucket: true,
      timeoutMs: 10_000,
      ...more,
    }),
    stop: (signal) => end(child, signal),
  };
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.destroy();
  return true;
}
