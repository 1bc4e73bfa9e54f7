import type { Authorization, AuthorizedRequest } from './authorization.ts';
import { basicOf, bearerOf } from './login-header.ts';
import { isSameLogin, type Login, type LoginSource } from './login.ts';

/** Presents nothing; a 401 stands. */
export const anonymous: Authorization = {
  present: async () => ({}),
  answer: async () => undefined,
  describe: () => 'anonymous',
  isAnonymous: () => true,
};

interface PreemptiveOptions {
  readonly upstream: string;
  readonly login: LoginSource;
}

/**
 * For chart repositories and the interfaces of products: Basic or Bearer with every request, without waiting to be
 * asked. After a 401 once more, when the source has another login by then.
 */
export function preemptiveAuthorization({ upstream, login: source }: PreemptiveOptions): Authorization {
  const sent = new WeakMap<AuthorizedRequest, Login | undefined>();
  let how = source.description;
  let isAnonymous = false;
  const headerOf = (login: Login | undefined): Record<string, string> => {
    how = login?.kind === 'password' ? `${source.description} (Basic)` : source.description;
    isAnonymous = !login;
    if (!login) return {};
    return { authorization: login.kind === 'password' ? basicOf(login) : bearerOf(upstream, login.token) };
  };
  return {
    present: async (request) => {
      const login = await source.login();
      sent.set(request, login);
      return headerOf(login);
    },
    answer: async (request, { round }) => {
      if (round > 0) return undefined;
      const refused = sent.get(request);
      const other = await source.login(refused);
      return isSameLogin(other, refused) ? undefined : headerOf(other);
    },
    describe: () => how,
    isAnonymous: () => isAnonymous,
  };
}
