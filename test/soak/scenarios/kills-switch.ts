import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import promises, { type FileHandle } from 'node:fs/promises';
import http, { type ClientRequest, type RequestOptions } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { basename, dirname, join } from 'node:path';

import type { KillMoment, KillOrder, KillStep } from './kills-orders.ts';
import type { Meeting } from './kills-rival.ts';

/** What a server is told that is to die. */
export interface KillSwitch extends KillOrder {
  /** A file: the order counts while it is there. */
  readonly armed: string;
  /** A file that it makes right before it dies of the order. */
  readonly mark: string;
  /** Who begins to use the blob with this digest, in hex, when it is about to be swept. */
  readonly rival: Meeting & { readonly hex: string };
}

/*
 * Loaded into a server of ours by `--import`: makes it die of SIGKILL, with no chance to tidy up, at one exact step of
 * its writing, on a disk or in a bucket.
 */
const order = JSON.parse(process.env['CHARTROOM_TEST_KILL'] ?? 'null') as KillSwitch | null;
let seen = 0;
/** What this process took away: writing it again is putting back. */
const removed = new Set<string>();

function isTime(step: KillStep | undefined, moment: KillMoment): boolean {
  if (!order || step !== order.step || moment !== order.moment || !existsSync(order.armed)) return false;
  seen += 1;
  return seen > order.skip;
}

function die(): void {
  if (order) writeFileSync(order.mark, '');
  process.kill(process.pid, 'SIGKILL');
}

function stepOf(path: string): KillStep | undefined {
  if (removed.has(path)) return 'putting back';
  if (path.includes('/blobs/')) return 'blob';
  if (path.includes('/holdings/')) return path.endsWith('/first.json') ? 'holding' : 'replacement';
  if (path.includes('/attachments/')) return 'attachment';
  if (path.includes('/catalogs/')) return 'catalog';
  if (path.includes('/snapshots/')) return 'snapshot';
  if (path.endsWith('/state.json')) return 'state.json';
  return path.endsWith('/lease.json') ? 'lease.json' : undefined;
}

/** Notes what is taken away; by then somebody else may want it. */
function sweepStepOf(path: string): KillStep | undefined {
  const isBlob = path.includes('/blobs/');
  if (!isBlob && !path.includes('/catalogs/') && !path.includes('/snapshots/')) return undefined;
  removed.add(path);
  if (order?.step === 'putting back' && path.endsWith(order.rival.hex)) letRivalWrite(order.rival);
  return isBlob ? 'sweep of a blob' : 'sweep of a table';
}

/** Everything here stands still until the rival is done. */
function letRivalWrite({ asked, done }: KillSwitch['rival']): void {
  const still = new Int32Array(new SharedArrayBuffer(4));
  writeFileSync(asked, '');
  for (let turn = 0; turn < 1_000 && !existsSync(done); turn += 1) Atomics.wait(still, 0, 0, 5);
}

async function interrupted<T>(step: KillStep | undefined, work: () => Promise<T>): Promise<T> {
  if (isTime(step, 'before')) die();
  const underWay = work();
  if (isTime(step, 'in flight')) setImmediate(die);
  const result = await underWay;
  if (isTime(step, 'after')) die();
  return result;
}

function watchDisk(): void {
  const { link, rename, open, unlink } = promises;
  Object.assign(promises, {
    link: (from: string, to: string) => interrupted(stepOf(to), () => link(from, to)),
    rename: (from: string, to: string) => interrupted(renameStepOf(from, to), () => rename(from, to)),
    unlink: (path: string) => interrupted(sweepStepOf(path), () => unlink(path)),
    open: async (path: string, flags: string) => {
      const handle = await open(path, flags);
      if (flags === 'wx') watchFile(handle);
      return handle;
    },
  });
  syncBuiltinESMExports();
}

/** In the folder for work under way, claims are laid and leftovers are moved aside; from it, files go to their place. */
function renameStepOf(from: string, to: string): KillStep | undefined {
  if (basename(dirname(to)) !== 'tmp') return stepOf(to);
  if (!basename(to).startsWith('claim-')) return 'tidying up';
  const [successor = ''] = readdirSync(from);
  const text = readFileSync(join(from, successor), 'utf8');
  if (text.includes('"asOf"')) return 'claim on state.json';
  return text.includes('"holder"') ? 'claim on lease.json' : undefined;
}

/** In flight is half of it. */
function watchFile(handle: FileHandle): void {
  const writeFile = handle.writeFile.bind(handle);
  Reflect.set(handle, 'writeFile', async (bytes: Uint8Array) => {
    if (isTime('temporary file', 'before')) die();
    if (isTime('temporary file', 'in flight')) {
      await writeFile(bytes.subarray(0, bytes.byteLength / 2));
      die();
    }
    await writeFile(bytes);
    if (isTime('temporary file', 'after')) die();
  });
}

function watchBucket(): void {
  const { request } = http;
  Reflect.set(http, 'request', (options: RequestOptions, ...rest: [(response: unknown) => void]): ClientRequest => {
    const step = requestStepOf(options);
    if (isTime(step, 'before')) die();
    const sent = request(options, ...rest);
    if (isTime(step, 'in flight')) dieInFlight(sent);
    if (isTime(step, 'after')) sent.prependOnceListener('response', die);
    return sent;
  });
}

function requestStepOf({ method, path }: RequestOptions): KillStep | undefined {
  const [key = '', query = ''] = String(path).split('?');
  if (method === 'PUT') return stepOf(key);
  if (method !== 'DELETE') return undefined;
  return query.includes('uploadId') ? 'tidying up' : sweepStepOf(key);
}

/** With half of the body sent, or with all of it sent and no answer. */
function dieInFlight(sent: ClientRequest): void {
  const [write, end] = [sent.write.bind(sent), sent.end.bind(sent)];
  Reflect.set(sent, 'end', (body: Uint8Array | string) => {
    if (body.length > 0 && Math.random() < 0.5) write(body.slice(0, body.length / 2), () => setImmediate(die));
    else end(body, die);
    return sent;
  });
}

if (order) {
  watchDisk();
  watchBucket();
}
