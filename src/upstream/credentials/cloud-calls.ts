import { Agent, type RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';

import { asFault, Fault, type FaultCode } from '../../chart/fault.ts';
import type { Clock } from '../../lib/clock.ts';
import { isExempt, type ProxySettings } from '../http/proxy.ts';
import { revealed } from './login.ts';

/** Who is asked by an SDK, and for whom. */
export interface CloudCaller {
  readonly upstream: string;
  /** For messages: `AWS`. */
  readonly cloud: string;
  /** What to do when it refuses. */
  readonly advice: string;
  /** What it is asked to do, `ecr:DescribeImages`; for credentials when absent. */
  readonly action?: string;
  readonly clock: Clock;
}

const patienceMs = 60_000;

/**
 * Work of a cloud's SDK, given up after 60 s: `signal` aborts when it is over, however it ended. Rejects with a `Fault`: 'unauthorized' ('forbidden' where an action is
 * denied) with the one word of the SDK's error that says why, never with its text, which may quote what was sent;
 * 'upstream-unreachable', 'tls-untrusted', 'rate-limited' and 'upstream-failed' when it is not about who we are.
 */
export async function calling<T>(caller: CloudCaller, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const ended = new AbortController();
  const late = caller.clock.sleep(patienceMs, ended.signal).then(() => {
    throw faultOf(caller, 'upstream-unreachable', `did not answer within ${patienceMs / 1000} s`, true);
  });
  try {
    return await Promise.race([work(ended.signal), late]);
  } catch (error) {
    throw asFault(error, () => faultOfError(caller, error));
  } finally {
    ended.abort();
    late.catch(() => undefined);
  }
}

/**
 * The way to a cloud's own services, which all speak TLS, as `proxy` says. Metadata services do not, and are never asked
 * through a proxy. Its connections end with `signal`, also those that are not there yet: an SDK that was given up goes
 * on waiting.
 */
export async function openWayOut(
  upstream: string,
  { https, noProxy }: ProxySettings,
  signal: AbortSignal,
): Promise<Agent> {
  return new WayOut(https && (await revealed(upstream, https)), noProxy, signal);
}

class WayOut extends Agent {
  readonly #noProxy: string;
  readonly #direct = new Agent();
  readonly #signal: AbortSignal;
  readonly #sockets = new Set<Duplex>();

  constructor(proxy: string | undefined, noProxy: string, signal: AbortSignal) {
    super({ keepAlive: true, ...(proxy !== undefined && { proxyEnv: { HTTPS_PROXY: proxy } }) });
    this.#noProxy = noProxy;
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#end(), { once: true });
  }

  override createConnection(...[options, callback]: Parameters<Agent['createConnection']>): Duplex | null | undefined {
    const isDirect = isExempt(this.#noProxy, targetOf(options));
    const socket = isDirect
      ? this.#direct.createConnection(options, callback)
      : super.createConnection(options, callback);
    if (!socket) return socket;
    // an error event without a listener would end the process
    this.#sockets.add(socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket)));
    if (this.#signal.aborted) this.#end();
    return socket;
  }

  #end(): void {
    for (const socket of this.#sockets) socket.destroy(new Error('given up'));
  }
}

function targetOf({ host, port }: RequestOptions): URL {
  return new URL(`https://${host?.includes(':') ? `[${host}]` : host}:${port}`);
}

/** The one word of an SDK's error that says why: `ExpiredToken`, `invalid_grant`, `AADSTS7000215`. */
function wordOf(error: unknown): string {
  const { name, message, response } = error as {
    name?: unknown;
    message?: unknown;
    response?: { data?: { error?: unknown } };
  };
  const answered = response?.data?.error;
  const status = (answered as { status?: unknown } | undefined)?.status;
  const words = [/AADSTS\d+/.exec(String(message))?.[0], answered, status, name];
  return words.find(isWord) ?? 'for no reason that it names';
}

function isWord(word: unknown): word is string {
  return typeof word === 'string' && word !== 'Error' && /^[A-Za-z][\w.-]{0,60}$/.test(word);
}

/** The code of the system's error behind an SDK's; empty when there is none. */
function systemCodeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const { code, name, cause } = error as NodeJS.ErrnoException;
  if (name === 'TimeoutError') return 'ETIMEDOUT';
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]+$/.test(code)) return code;
  return systemCodeOf(cause);
}

function statusOf(error: unknown): number {
  const { $metadata, response, statusCode } = error as {
    $metadata?: { httpStatusCode?: number };
    response?: { status?: number };
    statusCode?: number;
  };
  return $metadata?.httpStatusCode ?? response?.status ?? statusCode ?? 0;
}

function faultOfError(caller: CloudCaller, error: unknown): Fault {
  const [word, code] = [wordOf(error), systemCodeOf(error)];
  // what a proxy answered is not the cloud's answer
  const status = code.startsWith('ERR_PROXY') ? 0 : statusOf(error);
  const unanswered = status === 0 ? faultOfWay(caller, code) : undefined;
  if (unanswered) return unanswered;
  if (status >= 500) return faultOf(caller, 'upstream-failed', `failed (${status})`);
  if (status === 429 || /throttl|toomanyrequests|slowdown/i.test(word)) {
    return faultOf(caller, 'rate-limited', `asks for fewer requests (${word})`);
  }
  const { action } = caller;
  if (action === undefined) return faultOf(caller, 'unauthorized', `gave no credentials (${word})`);
  return faultOf(caller, word.startsWith('AccessDenied') ? 'forbidden' : 'unauthorized', `refused ${action} (${word})`);
}

function faultOfWay(caller: CloudCaller, code: string): Fault | undefined {
  if (/CERT|SIGNATURE/.test(code)) {
    return faultOf(caller, 'tls-untrusted', `shows a certificate that we do not trust (${code})`);
  }
  if (!/^E[A-Z]|^REQUEST_SEND|^UND_/.test(code)) return undefined;
  return faultOf(caller, 'upstream-unreachable', `does not answer (${code})`, code === 'ETIMEDOUT');
}

const advices: Partial<Readonly<Record<FaultCode, string>>> = {
  'upstream-unreachable': 'Check the firewall, the region and the proxy setting.',
  'tls-untrusted': 'Name a file with the certificate of its authority in NODE_EXTRA_CA_CERTS.',
  'rate-limited': 'It is tried again later.',
  'upstream-failed': 'It is tried again later.',
};

function faultOf({ upstream, cloud, advice }: CloudCaller, code: FaultCode, what: string, timedOut = false): Fault {
  return new Fault(code, `${upstream}: ${cloud} ${what}.`, advices[code] ?? advice, { timedOut });
}
