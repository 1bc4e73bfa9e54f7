import { Fault } from '../../chart/fault.ts';
import type { Secret } from '../../lib/secret.ts';
import { isTrusted, type Reach } from '../http/reach.ts';
import type { Authorization, AuthorizedRequest, Exchange, Presented } from './authorization.ts';
import { revealed } from './login.ts';
import { anonymous } from './preemptive.ts';

interface HeadersOptions {
  readonly upstream: string;
  /** By field name, as it is to be sent. */
  readonly headers: Readonly<Record<string, Secret>>;
  /** What answers challenges besides, unless `Authorization` is one of the headers. */
  readonly inner: Authorization;
  readonly reach: Reach;
}

/**
 * Own header fields with every request, and with questions to token services at trusted origins. Secrets are read anew
 * for each request; after a 401 it is tried once more when they have changed. Faults with 'unauthorized' for a value
 * that no header can hold.
 */
export function headersAuthorization(options: HeadersOptions): Authorization {
  const names = Object.keys(options.headers);
  const inner = names.some((name) => name.toLowerCase() === 'authorization') ? anonymous : options.inner;
  const askers = new WeakMap<AuthorizedRequest, AuthorizedRequest>();
  const askerOf = (request: AuthorizedRequest): AuthorizedRequest => {
    const asker = askers.get(request) ?? { ...request, exchange: withOwn(options, request.exchange) };
    askers.set(request, asker);
    return asker;
  };
  return {
    present: async (request) => {
      const own = await ownFields(options);
      return { ...(await inner.present(askerOf(request))), ...own };
    },
    answer: async (request, challenge) => {
      const own = await ownFields(options);
      const asker = askerOf(request);
      const changed = names.some((name) => own[name] !== challenge.presented[name]);
      const better = changed ? await inner.present(asker) : await inner.answer(asker, challenge);
      return better && { ...better, ...own };
    },
    isAnonymous: () => false,
    describe: () => `own header ${names.join(', ')}${inner.describe().replace(/^anonymous/, '')}`,
  };
}

/** Questions for tokens carry the fields as long as nobody but a trusted origin was asked. */
function withOwn(options: HeadersOptions, exchange: Exchange): Exchange {
  return async (question, headersFor) => {
    const own = await ownFields(options);
    return await exchange(question, (url, trusted) => ({
      ...headersFor(url, trusted),
      ...(trusted && isTrusted(options.reach, url) && own),
    }));
  };
}

async function ownFields({ upstream, headers }: HeadersOptions): Promise<Presented> {
  const fields = Object.entries(headers).map(async ([name, secret]) => {
    const value = await revealed(upstream, secret);
    if (/^[\t\x20-\x7e\x80-\xff]+$/.test(value)) return [name, value] as const;
    const message = `${upstream}: the value of the header ${name} cannot be sent: it holds a line break or another character that no header can.`;
    throw new Fault('unauthorized', message, `Check auth.headers.${name} and the file or the variable that it names.`);
  });
  return Object.fromEntries(await Promise.all(fields));
}
