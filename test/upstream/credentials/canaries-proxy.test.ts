import { describe, expect, it } from 'vitest';

import { systemClock } from '../../../src/lib/clock.ts';
import { Secret } from '../../../src/lib/secret.ts';
import type { Authorization } from '../../../src/upstream/credentials/authorization.ts';
import { headersAuthorization } from '../../../src/upstream/credentials/headers.ts';
import { passwordLogin, tokenLogin } from '../../../src/upstream/credentials/login.ts';
import { anonymous, preemptiveAuthorization } from '../../../src/upstream/credentials/preemptive.ts';
import { registryAuthorization } from '../../../src/upstream/credentials/registry.ts';
import type { Reach } from '../../../src/upstream/http/reach.ts';
import { holds, newCanary, to } from '../../support/canaries.ts';
import { httpClientOf } from '../../support/http.ts';
import { openInternet, type Site } from '../../support/internet.ts';

const upstream = 'nexus';

const kinds: Readonly<Record<string, (secret: Secret, reach: Reach) => Authorization>> = {
  password: (secret) =>
    preemptiveAuthorization({ upstream, login: passwordLogin(upstream, Secret.of('reader'), secret) }),
  'bearer token': (secret) => preemptiveAuthorization({ upstream, login: tokenLogin(upstream, secret) }),
  'own header': (secret, reach) =>
    headersAuthorization({ upstream, headers: { 'PRIVATE-TOKEN': secret, Cookie: secret }, inner: anonymous, reach }),
  'password of a registry': (secret, reach) => {
    const login = passwordLogin(upstream, Secret.of('reader'), secret);
    return registryAuthorization({ upstream, reach, login, clock: systemClock });
  },
};

const redirecting: Site = ({ target }) => (target.startsWith('/away') ? to('https://other.corp/x') : { body: 'here' });
const asking =
  (realm: string): Site =>
  ({ headers, path }) => {
    if (path === '/token') return { body: '{"token":"harmless"}' };
    return headers.authorization
      ? { body: 'here' }
      : { status: 401, headers: { 'www-authenticate': `Bearer realm="${realm}"` } };
  };

const stranger: Site = () => ({ body: '{"token":"of-a-stranger"}' });

describe('a credential is not for the proxy when', () => {
  it.each<[string, string, Site]>([
    ['a server with TLS is asked', 'https://home.corp/index.yaml', redirecting],
    ['it redirects to another server', 'https://home.corp/away', redirecting],
    ['a server on an unusual port is asked', 'https://home.corp:8443/index.yaml', redirecting],
    ['a server without TLS redirects to one with it', 'http://home.corp/away', redirecting],
    ['it asks for a token of its own', 'https://home.corp/v2/', asking('https://home.corp/token')],
    ['it asks for the token of another', 'https://home.corp/v2/', asking('https://other.corp/token')],
    ['it asks for the token of a known other', 'https://registry.gitlab.com/v2/', asking('https://gitlab.com/token')],
  ])('%s', async (_, address, site) => {
    const url = new URL(address);
    const internet = await openInternet({ [url.host]: site, 'other.corp': stranger, 'gitlab.com': stranger });
    const reach: Reach = { trusted: [new URL(url.origin)], archiveHosts: [], allowPrivateNetwork: false };
    for (const [kind, authorizationOf] of Object.entries(kinds)) {
      internet.forget();
      const [canary, ofProxy] = [newCanary(), newCanary()];
      const proxy = Secret.of(internet.proxy.replace('http://', `http://${ofProxy}:${ofProxy}@`));
      const authorization = authorizationOf(Secret.of(canary), reach);
      const tls = { caFile: internet.caFile };
      const client = httpClientOf(url.origin, { reach, authorization, tls, proxy: { http: proxy, https: proxy } });
      // what a stranger's token leads to is no matter here
      await client.get(url).then(
        (answer) => answer.dump(),
        () => undefined,
      );
      // without TLS the request itself is given to the proxy, as HTTP has it
      const told = internet.proxied.filter(({ target }) => !target.startsWith('http://home.corp/'));
      const leaks = [...told, ...internet.to('other.corp')].filter((one) => holds(JSON.stringify(one), canary));
      const shown = internet.proxied.some((one) => holds(JSON.stringify(one), ofProxy));
      const proxyLeaks = internet.requests.filter((one) => one.secure && holds(JSON.stringify(one), ofProxy));
      expect({ kind, leaks, proxyLeaks, shown }).toEqual({ kind, leaks: [], proxyLeaks: [], shown: true });
    }
  });
});
