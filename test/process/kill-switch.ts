import promises, { type FileHandle } from 'node:fs/promises';
import http, { type ClientRequest, type RequestOptions } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';

/** What is being written: bytes on their way, a blob appearing under its name, and what follows it. */
export type KillStep = 'blob' | 'rename' | 'holding' | 'catalog' | 'state';

/** At which of its writes a process is to die. */
export interface KillOrder {
  readonly step: KillStep;
  readonly moment: 'before' | 'after';
  /** How many of these writes go well. */
  readonly skip: number;
}

/*
 * Loaded into a server of ours by `--import`: makes it die of SIGKILL, with no chance to tidy up, at one exact step of
 * its writing, on a disk or in a bucket.
 */
const order = JSON.parse(process.env['CHARTROOM_TEST_KILL'] ?? 'null') as KillOrder | null;
let seen = 0;

function isTime(step: KillStep | undefined, moment: KillOrder['moment']): boolean {
  if (!order || step !== order.step || moment !== order.moment) return false;
  seen += 1;
  return seen > order.skip;
}

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

function stepOf(path: string): KillStep | undefined {
  if (path.includes('/blobs/')) return 'rename';
  if (path.includes('/holdings/')) return 'holding';
  if (path.includes('/catalogs/') || path.includes('/snapshots/')) return 'catalog';
  return path.includes('/state.json') || path.includes('/claim-') ? 'state' : undefined;
}

function watchDisk(): void {
  const { link, rename, open } = promises;
  const around =
    (move: (from: string, to: string) => Promise<void>) =>
    async (from: string, to: string): Promise<void> => {
      if (isTime(stepOf(to), 'before')) die();
      await move(from, to);
      if (isTime(stepOf(to), 'after')) die();
    };
  const openWatched = async (path: string, flags: string): Promise<FileHandle> => {
    const handle = await open(path, flags);
    if (flags === 'wx') watchFile(handle);
    return handle;
  };
  Object.assign(promises, { link: around(link), rename: around(rename), open: openWatched });
  syncBuiltinESMExports();
}

/** Dies with half of a file written, or with all of it written and not synced. */
function watchFile(handle: FileHandle): void {
  const writeFile = handle.writeFile.bind(handle);
  Reflect.set(handle, 'writeFile', async (bytes: Uint8Array) => {
    if (isTime('blob', 'before')) {
      await writeFile(bytes.subarray(0, bytes.byteLength / 2));
      die();
    }
    await writeFile(bytes);
    if (isTime('blob', 'after')) die();
  });
}

function watchBucket(): void {
  const { request } = http;
  Reflect.set(http, 'request', (options: RequestOptions, ...rest: [(response: unknown) => void]): ClientRequest => {
    const path = String(options.path);
    const step = options.method === 'PUT' ? stepOf(path) : undefined;
    if (isTime(step, 'before')) die();
    const sent = request(options, ...rest);
    if (step === 'rename') dieInFlight(sent);
    if (isTime(step, 'after')) sent.prependOnceListener('response', die);
    return sent;
  });
}

/** Dies when a blob is on its way: whether it arrives, nobody here will know. */
function dieInFlight(sent: ClientRequest): void {
  if (isTime('blob', 'before')) sent.once('socket', () => setImmediate(die));
  if (isTime('blob', 'after')) sent.once('finish', die);
}

if (order) {
  watchDisk();
  watchBucket();
}
