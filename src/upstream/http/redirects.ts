import { Fault } from '../../chart/fault.ts';
import { portOf } from './faults.ts';
import type { HttpAnswer } from './http.ts';

const redirectStatuses = new Set([301, 302, 303, 307, 308]);
const maxRedirects = 5;

/**
 * Sends, and follows what comes back hop by hop: at most 5, never in a circle, never from https to http, and a POST
 * nowhere. `send` gets `trusted` false for every hop once one of them was not `isHome`, also if a later one is again:
 * whoever was asked in between chose that address. Faults with 'upstream-failed'.
 */
export async function followRedirects(
  upstream: string,
  method: string,
  first: URL,
  isHome: (url: URL) => boolean,
  send: (url: URL, trusted: boolean) => Promise<HttpAnswer>,
): Promise<HttpAnswer> {
  const seen = new Set<string>();
  let url = first;
  let trusted = isHome(first);
  for (;;) {
    seen.add(url.href);
    const answer = await send(url, trusted);
    const location = answer.headers.location;
    if (method === 'POST' || location === undefined || !redirectStatuses.has(answer.status)) return answer;
    await answer.dump();
    url = nextHop(upstream, url, location);
    if (seen.has(url.href)) throw circle(upstream, first);
    if (seen.size > maxRedirects) throw tooMany(upstream, first);
    trusted &&= isHome(url);
  }
}

/** Where a redirect leads, without fragment and user info. Throws 'upstream-failed' for where we do not go. */
export function nextHop(upstream: string, from: URL, location: string): URL {
  const next = URL.parse(location, from.href);
  if (!next || !['http:', 'https:'].includes(next.protocol)) {
    throw new Fault(
      'upstream-failed',
      `${upstream}: ${portOf(from)} redirected to something that is no web address.`,
      advice,
      { lasting: true },
    );
  }
  if (from.protocol === 'https:' && next.protocol === 'http:') {
    const message = `${upstream}: ${portOf(from)} redirected from https to http at ${portOf(next)}, which is not followed.`;
    throw new Fault(
      'upstream-failed',
      message,
      'Mend the redirect on the server, or give an address that needs none.',
      {
        lasting: true,
      },
    );
  }
  next.hash = '';
  next.username = '';
  next.password = '';
  return next;
}

const advice = 'Check that the address is the one the server itself uses.';

function circle(upstream: string, first: URL): Fault {
  return new Fault('upstream-failed', `${upstream}: ${portOf(first)} redirected in a circle.`, advice, {
    lasting: true,
  });
}

function tooMany(upstream: string, first: URL): Fault {
  const message = `${upstream}: ${portOf(first)} redirected more than ${maxRedirects} times.`;
  return new Fault('upstream-failed', message, advice, { lasting: true });
}
