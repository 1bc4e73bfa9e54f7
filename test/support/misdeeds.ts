import type { Script, SeenRequest } from './fault-upstream.ts';

/** What a server answers that gives back everything it was told, wherever somebody might repeat it. */
export type Misdeed = (request: Pick<SeenRequest, 'target' | 'headers' | 'body'>) => Script;

type Told = Parameters<Misdeed>[0];

/** All that a request said, on one line. */
const echo = ({ target, headers, body }: Told): string => JSON.stringify([target, headers, body]);
const quoted = (told: Told): string => echo(told).replaceAll('"', "'");
const query = (told: Told): string => `?stolen=${encodeURIComponent(echo(told))}`;
/** As a registry says it, which a chart repository does not mind. */
const error = (told: Told): string => JSON.stringify({ errors: [{ code: 'DENIED', message: echo(told) }] });

/** By what they do. */
export const misdeeds: Readonly<Record<string, Misdeed>> = {
  'refuses 401': (told) => ({
    status: 401,
    headers: { 'www-authenticate': `Basic realm="${quoted(told)}"`, 'content-type': 'application/json' },
    body: error(told),
  }),
  'names a token service of its own': (told) => ({
    status: 401,
    headers: { 'www-authenticate': `Bearer realm="https://tokens.corp/token${query(told)}",service="x"` },
  }),
  'asks for what nobody speaks': (told) => ({
    status: 401,
    headers: { 'www-authenticate': `Negotiate ${query(told)}` },
  }),
  'forbids 403': (told) => ({ status: 403, body: error(told) }),
  'fails 500': (told) => ({ status: 500, body: echo(told) }),
  'shows a page': (told) => ({ headers: { 'content-type': 'text/html' }, body: `<html>${echo(told)}</html>` }),
  'answers with what is no listing': (told) => ({ body: `entries: {"x": [${echo(told)}` }),
  'answers with rows that are none': (told) => ({
    body: JSON.stringify({
      apiVersion: 'v1',
      entries: {
        a: [{ name: 'a', version: echo(told), urls: ['a-1.0.0.tgz'] }],
        b: [{ name: 'b', version: '1.0.0', urls: [`gopher://elsewhere.corp/${query(told)}`] }],
        c: [{ name: 'c', version: '1.0.0', urls: ['c-1.0.0.tgz'], digest: echo(told), created: echo(told) }],
        d: [{ name: echo(told), version: '1.0.0', urls: ['d-1.0.0.tgz'] }],
        [echo(told)]: [{ name: echo(told), version: '1.0.0', urls: ['e-1.0.0.tgz'] }],
      },
    }),
  }),
  'leads away': (told) => ({ status: 302, headers: { location: `https://elsewhere.corp/${query(told)}` } }),
  'leads inside': (told) => ({ status: 307, headers: { location: `http://169.254.169.254/${query(told)}` } }),
  'asks to wait': (told) => ({ status: 429, headers: { 'retry-after': quoted(told) }, body: echo(told) }),
  'breaks off': (told) => ({ body: echo(told), cutAt: 7 }),
  'hangs up': () => ({ reset: true }),
  'speaks no HTTP': (told) => ({ raw: `HTTP/1.1 200 OK\r\nno header ${quoted(told)}\r\n\r\n` }),
};
