import { Fault } from '../../chart/fault.ts';
import { readAll } from '../../lib/bytes.ts';
import { publicPath } from '../../lib/public-path.ts';
import { faultOfRefusal, faultOfStatus, requestLine, shortened } from '../http/faults.ts';
import type { HttpAnswer } from '../http/http.ts';
import { parseRetryAfter } from '../http/retry-after.ts';

const maxErrorBytes = 16 * 1024;

interface RegistryError {
  readonly code: string | undefined;
  readonly message: string;
}

/** The first error of a registry's error form (distribution specification, error codes), consuming the body. */
async function readError(answer: HttpAnswer): Promise<RegistryError> {
  try {
    const body = await readAll(answer.body, maxErrorBytes);
    const { errors } = JSON.parse(body.toString('utf8')) as {
      errors?: readonly { code?: unknown; message?: unknown }[];
    };
    const { code, message } = errors?.[0] ?? {};
    return { code: codeWord(code), message: typeof message === 'string' ? message : '' };
  } catch {
    return { code: undefined, message: '' };
  }
}

function codeWord(code: unknown): string | undefined {
  return typeof code === 'string' && /^[A-Z][A-Z_]{2,40}$/.test(code) ? code : undefined;
}

/** The fault for an answer of a registry that is not the one asked for. `what` is a repository, maybe with a tag. */
export async function faultOfRegistry(upstream: string, answer: HttpAnswer, what: string): Promise<Fault> {
  const error = await readError(answer);
  const told = error.code ? `${answer.status} ${error.code}` : String(answer.status);
  if (answer.status === 401) return faultOfRefusal(upstream, answer, what, 'registry');
  // Amazon's says 403 to a password that is older than twelve hours
  if (answer.status === 403 && /\btoken has expired\b/i.test(error.message)) {
    const message = `${upstream}: the registry refused these credentials for ${what} (${answer.status}).`;
    return new Fault('unauthorized', message, 'Check auth; a token may have expired.');
  }
  if (answer.status === 403 && answer.retryAfterMs === undefined) {
    const message = `${upstream}: the registry does not allow reading ${what} with these credentials (${told}).`;
    return new Fault('forbidden', message, 'Check what these credentials may read, and whether the name is right.');
  }
  // ghcr.io tells how long to wait in its message only
  const [, inWords] = /retry-after:\s*([^,\s"]+)/i.exec(error.message) ?? [];
  const retryAfterMs = answer.retryAfterMs ?? (answer.status === 429 ? parseRetryAfter(inWords, 0) : undefined);
  return faultOfStatus(upstream, { ...answer, retryAfterMs }, requestLine('GET', answer.url));
}

/** Whether an answer says that something is not there, rather than that nobody understood the question. */
export function isAbsent(answer: HttpAnswer): boolean {
  return (answer.status === 404 || answer.status === 410) && !isWebPage(answer);
}

/** Whether an answer is meant for a browser. */
export function isWebPage(answer: HttpAnswer): boolean {
  return /^\s*(?:text\/html|application\/xhtml)/i.test(answer.headers['content-type'] ?? '');
}

/** What answers there is no registry: a web page, or nothing where a registry has something. */
export function notARegistry(upstream: string, answer: HttpAnswer): Fault {
  const found = isWebPage(answer) ? 'a web page' : `${answer.status}`;
  const where = shortened(answer.url.origin + publicPath(answer.url));
  const message = `${upstream}: ${where} answered with ${found}, not as a registry does.`;
  return new Fault('not-a-registry', message, 'Is the host right? Is a login page in the way?');
}
