import { execFile } from 'node:child_process';

import { Fault } from '../../chart/fault.ts';
import type { Clock } from '../../lib/clock.ts';

/** What a helper has for a server. */
export interface HelperAnswer {
  readonly username: string;
  readonly secret: string;
}

interface HelperQuestion {
  readonly upstream: string;
  /** The program is `docker-credential-<name>`, found as programs are. */
  readonly name: string;
  /** As the helper knows it: the host, or `https://index.docker.io/v1/`. */
  readonly server: string;
  readonly clock: Clock;
}

const maxMs = 30_000;
const maxAnswerBytes = 64 * 1024;

/** By which every helper says that it knows nothing of a server (docker-credential-helpers). */
const notFound = 'credentials not found in native keychain';

/**
 * Asks a credential helper (`get`, the server on its standard input), for 30 s at most. Undefined when it knows nothing
 * of the server. Faults with 'unauthorized' when it is not there or fails; what it printed is never repeated.
 */
export async function askHelper(question: HelperQuestion): Promise<HelperAnswer | undefined> {
  const { upstream, name } = question;
  if (!/^[A-Za-z0-9._-]+$/.test(name)) throw failed(upstream, 'of an unusual name', 'is not run');
  const program = `docker-credential-${name}`;
  const { output, problem } = await run(program, question);
  if (problem !== undefined && output.trim() === notFound) return undefined;
  if (problem !== undefined) throw failed(upstream, program, problem);
  const answer = read(output);
  if (!answer) throw failed(upstream, program, 'answered with something that is no credential');
  return answer.secret === '' ? undefined : answer;
}

interface Run {
  readonly output: string;
  /** Why it did not succeed. */
  readonly problem: string | undefined;
}

async function run(program: string, { server, clock }: HelperQuestion): Promise<Run> {
  const ended = new AbortController();
  const tooLong = new AbortController();
  clock.sleep(maxMs, ended.signal).then(
    () => tooLong.abort(),
    () => undefined,
  );
  const result = await new Promise<Run>((resolve) => {
    const options = { signal: tooLong.signal, maxBuffer: maxAnswerBytes, killSignal: 'SIGKILL' as const };
    const child = execFile(program, ['get'], options, (error, output) => {
      resolve({ output, problem: error ? problemOf(error, tooLong.signal.aborted) : undefined });
    });
    // one that does not listen is told nothing
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(server);
  });
  ended.abort();
  return result;
}

function problemOf(error: { readonly code?: unknown }, tooLong: boolean): string {
  if (tooLong) return `did not answer within ${maxMs / 1000} s`;
  if (error.code === 'ENOENT') return 'is not installed';
  return typeof error.code === 'number' ? `failed (exit status ${error.code})` : 'failed';
}

function read(output: string): HelperAnswer | undefined {
  try {
    const { Username: username, Secret: secret } = JSON.parse(output) as Readonly<Record<string, unknown>>;
    return typeof username === 'string' && typeof secret === 'string' ? { username, secret } : undefined;
  } catch {
    return undefined;
  }
}

function failed(upstream: string, program: string, problem: string): Fault {
  return new Fault(
    'unauthorized',
    `${upstream}: the credential helper ${program} ${problem}.`,
    'Run it by hand, with `get` and the host on its standard input; or put the credentials into the file.',
  );
}
