import type { Login, LoginSource } from '../credentials/login.ts';
import { preemptiveAuthorization } from '../credentials/preemptive.ts';
import type { HttpClient } from '../http/http.ts';
import type { DiscoveryParts } from './discovery.ts';

/**
 * A product's API for who has a token there: the client, opened once, or undefined where `tokenOf` finds none in the
 * registry's login.
 */
export function apiWithToken(
  { upstream, login: source, openApi }: DiscoveryParts,
  origin: URL,
  tokenOf: (login: Login) => string | undefined,
): () => Promise<HttpClient | undefined> {
  const tokens = source && tokensFrom(source, tokenOf);
  let opened: HttpClient | undefined;
  return async () => {
    if (!tokens || !(await tokens.login())) return undefined;
    return (opened ??= openApi(origin, preemptiveAuthorization({ upstream, login: tokens })));
  };
}

/** The registry's login, in the way the API takes it. */
function tokensFrom(source: LoginSource, tokenOf: (login: Login) => string | undefined): LoginSource {
  let given: Login | undefined;
  return {
    description: source.description,
    login: async (refused) => {
      // a token that is not the last one given was replaced already
      const isLast = refused?.kind === 'bearer' && given && tokenOf(given) === refused.token;
      given = await source.login(isLast ? given : undefined);
      const token = given && tokenOf(given);
      return token === undefined ? undefined : { kind: 'bearer', token };
    },
  };
}
