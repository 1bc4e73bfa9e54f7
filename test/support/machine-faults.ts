import dns from 'node:dns';
import fs, { readFileSync } from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { isMainThread } from 'node:worker_threads';

/** What is wrong with a machine. */
export interface MachineFaults {
  /** The system's error for every file that is read or written below a folder, such as `EIO`. */
  readonly disk?: { readonly folder: string; readonly reads?: string; readonly writes?: string };
  /** Host names of these tests: their address, or the system's error, such as `EAI_AGAIN`. */
  readonly names?: Readonly<Record<string, string>>;
  /** The system's error for every line of the log. */
  readonly log?: string;
  /** How far the clock on the wall is off. */
  readonly clockMs?: number;
  /** Every thread beside the first ends, with this exit code. */
  readonly threads?: number;
  /** What happens to the first thread at the next SIGUSR2. */
  readonly accident?: 'memory' | 'exception' | 'rejection';
}

/*
 * Loaded into a server of ours by `--import`: makes the machine behave as the file says that CHARTROOM_TEST_MACHINE
 * names, from one call to the next. No name but `localhost` is ever asked of a name server.
 */
const file = process.env['CHARTROOM_TEST_MACHINE'];

function faultsNow(): MachineFaults {
  try {
    return JSON.parse(readFileSync(file ?? '', 'utf8')) as MachineFaults;
  } catch {
    // nobody said anything, or is saying it just now
    return {};
  }
}

function systemError(code: string, what: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: made up for a test, ${what}`), { code });
}

type PathCall = (path: string, ...rest: unknown[]) => Promise<unknown>;

/** Fails instead of being called while the disk is said to fail for `kind`, which may depend on how it is called. */
function guard(name: string, kindOf: (rest: readonly unknown[]) => 'reads' | 'writes'): void {
  const original = Reflect.get(promises, name) as PathCall;
  Reflect.set(promises, name, async (path: string, ...rest: unknown[]): Promise<unknown> => {
    const { disk } = faultsNow();
    const code = disk && String(path).startsWith(disk.folder) ? disk[kindOf(rest)] : undefined;
    if (code !== undefined) throw systemError(code, `${name} '${path}'`);
    return original(path, ...rest);
  });
}

function guardDisk(): void {
  guard('open', ([flags]) => (flags === 'r' || flags === undefined ? 'reads' : 'writes'));
  for (const name of ['stat', 'lstat', 'readdir']) guard(name, () => 'reads');
  for (const name of ['link', 'rename', 'mkdir', 'rm', 'rmdir', 'unlink', 'utimes']) guard(name, () => 'writes');
}

type LookupDone = (error: NodeJS.ErrnoException | null, found?: unknown, family?: number) => void;

function guardNames(): void {
  const { lookup } = dns;
  const guarded = (host: string, options: { readonly all?: boolean }, done: LookupDone): void => {
    if (!/[a-z]/i.test(host) || host === 'localhost') {
      Reflect.apply(lookup, dns, [host, options, done]);
      return;
    }
    const found = faultsNow().names?.[host] ?? 'ENOTFOUND';
    if (found.startsWith('E')) process.nextTick(done, systemError(found, `lookup ${host}`));
    else if (options.all) process.nextTick(done, null, [{ address: found, family: 4 }]);
    else process.nextTick(done, null, found, 4);
  };
  Reflect.set(dns, 'lookup', guarded);
}

function guardLog(): void {
  const { write, writeSync } = fs;
  const failure = (fd: number): Error | undefined => {
    const { log } = fd === 1 ? faultsNow() : {};
    return log === undefined ? undefined : systemError(log, 'write');
  };
  Reflect.set(fs, 'write', (fd: number, ...rest: unknown[]): void => {
    const error = failure(fd);
    if (error) process.nextTick(rest.at(-1) as (error: Error) => void, error);
    else Reflect.apply(write, fs, [fd, ...rest]);
  });
  Reflect.set(fs, 'writeSync', (fd: number, ...rest: unknown[]): unknown => {
    const error = failure(fd);
    if (error) throw error;
    return Reflect.apply(writeSync, fs, [fd, ...rest]);
  });
}

const lookMs = 20;

/** What is no call of ours to fail: it happens some time after the file says so. */
function watch(): void {
  const { now } = Date;
  let clockMs = 0;
  Date.now = () => now() + clockMs;
  const look = (): void => {
    const faults = faultsNow();
    clockMs = faults.clockMs ?? 0;
    if (!isMainThread && faults.threads !== undefined) process.exit(faults.threads);
  };
  setInterval(look, lookMs).unref();
}

const accidents: Readonly<Record<NonNullable<MachineFaults['accident']>, () => void>> = {
  memory: () => {
    const hoard: unknown[] = [];
    for (;;) hoard.push(Array<number>(1_000_000).fill(0.5));
  },
  exception: () => {
    throw new Error('an accident made for a test');
  },
  rejection: () => void Promise.reject(new Error('an accident made for a test')),
};

guardDisk();
guardNames();
guardLog();
syncBuiltinESMExports();
watch();
if (isMainThread) process.on('SIGUSR2', () => accidents[faultsNow().accident ?? 'exception']());
