import { LRUCache } from 'lru-cache';

import { Fault } from '../../chart/fault.ts';
import type { Clock } from '../../lib/clock.ts';
import { shortened } from '../http/faults.ts';
import type { Reach } from '../http/reach.ts';
import type { Authorization, AuthorizedRequest, Challenge, Presented } from './authorization.ts';
import { parseChallenges, type OfferedScheme } from './challenge.ts';
import { basicOf, bearerOf } from './login-header.ts';
import { isSameLogin, type Login, type LoginSource } from './login.ts';
import { trustOfRealm } from './token-realm.ts';
import { TokenService, type TokenRequest } from './token-service.ts';

interface RegistryAuthorizationOptions {
  readonly upstream: string;
  readonly reach: Reach;
  /** Absent: anonymous, which in most registries still takes a token. */
  readonly login?: LoginSource | undefined;
  readonly clock: Clock;
}

/** What worked for a place of the registry the last time. */
type Plan = 'basic' | TokenRequest;

/** What a request has tried. */
interface Attempt {
  readonly login: Login | undefined;
  /** The newest token when the request began: a later one that is refused will not get better. */
  readonly serial: number;
}

const maxPlaces = 10_000;

/**
 * Authenticates to any OCI registry: sends the request as it is, reads the challenge of a 401, and answers it with
 * Basic or with a bearer token (Docker token specification). What a repository asked for is remembered, so that the
 * next request carries it at once. A login that was refused is tried again when its source has another one by then.
 */
export function registryAuthorization(options: RegistryAuthorizationOptions): Authorization {
  return new RegistryAuthorization(options);
}

class RegistryAuthorization implements Authorization {
  readonly #options: RegistryAuthorizationOptions;
  readonly #tokens: TokenService;
  readonly #plans = new LRUCache<string, Plan>({
    // `max` would take its room at once, for each registry
    maxSize: maxPlaces,
    sizeCalculation: () => 1,
  });
  readonly #attempts = new WeakMap<AuthorizedRequest, Attempt>();
  #how: string;
  #isAnonymous: boolean;

  constructor(options: RegistryAuthorizationOptions) {
    this.#options = options;
    this.#tokens = new TokenService(options);
    this.#how = options.login?.description ?? 'anonymous';
    this.#isAnonymous = !options.login;
  }

  describe(): string {
    return this.#how;
  }

  isAnonymous(): boolean {
    return this.#isAnonymous;
  }

  async present(request: AuthorizedRequest): Promise<Presented> {
    const login = await this.#options.login?.login();
    this.#attempts.set(request, { login, serial: this.#tokens.serial });
    const plan = this.#plans.get(placeOf(request.url).key) ?? this.#plans.get(request.url.origin);
    return await this.#carryOut(request, plan);
  }

  async answer(request: AuthorizedRequest, { presented, wwwAuthenticate }: Challenge): Promise<Presented | undefined> {
    const sent = presented['authorization'] ?? '';
    this.#plans.delete(placeOf(request.url).key);
    if (sent.startsWith('Basic ')) this.#plans.delete(request.url.origin);
    const offered = parseChallenges(wwwAuthenticate);
    if (this.#isLoginRefused(request, sent, offered) && !(await this.#hasAnother(request))) return undefined;
    return await this.#tryAgain(request, sent, offered);
  }

  async #tryAgain(
    request: AuthorizedRequest,
    sent: string,
    offered: readonly OfferedScheme[],
  ): Promise<Presented | undefined> {
    const { login } = this.#attempt(request);
    if (login?.kind === 'bearer') return await this.#carryOut(request, undefined);
    // Harbor asks for Basic when a token has expired; only a request without any is answered with Bearer
    if (sent.startsWith('Bearer ') && !offers(offered, 'bearer')) return {};
    const plan = this.#planOf(request.url, offered, login !== undefined);
    if (!plan) return undefined;
    // who asks for Basic takes it everywhere
    this.#plans.set(plan === 'basic' ? request.url.origin : placeOf(request.url).key, plan);
    return await this.#carryOut(request, plan);
  }

  /** Whether it is the login that was refused, not a token that has merely become old: such a one is forgotten. */
  #isLoginRefused(request: AuthorizedRequest, sent: string, offered: readonly OfferedScheme[]): boolean {
    const { login, serial } = this.#attempt(request);
    if (login?.kind === 'bearer') return true;
    if (sent.startsWith('Basic ')) return this.#planOf(request.url, offered, true) === 'basic';
    const token = sent.slice('Bearer '.length);
    const refused = this.#tokens.serialOf(token);
    this.#tokens.drop(token);
    return refused !== undefined && refused > serial;
  }

  /** Whether the login's source has another one than the one that was refused, which is used from here on. */
  async #hasAnother(request: AuthorizedRequest): Promise<boolean> {
    const { login: refused } = this.#attempt(request);
    const login = await this.#options.login?.login(refused);
    this.#attempts.set(request, { login, serial: this.#tokens.serial });
    return !isSameLogin(login, refused);
  }

  #attempt(request: AuthorizedRequest): Attempt {
    return this.#attempts.get(request) ?? { login: undefined, serial: 0 };
  }

  /** What a plan comes to, with another login when the token service refuses the first. */
  async #carryOut(request: AuthorizedRequest, plan: Plan | undefined): Promise<Presented> {
    try {
      return await this.#proofOf(request, plan);
    } catch (error) {
      const refused = error instanceof Fault && error.code === 'unauthorized';
      if (!refused || !(await this.#hasAnother(request))) throw error;
      return await this.#proofOf(request, plan);
    }
  }

  async #proofOf(request: AuthorizedRequest, plan: Plan | undefined): Promise<Presented> {
    const { upstream, login: source } = this.#options;
    const { login } = this.#attempt(request);
    const who = source?.description ?? 'anonymous';
    this.#isAnonymous = !login;
    if (login?.kind === 'bearer') {
      this.#how = who;
      return { authorization: bearerOf(upstream, login.token) };
    }
    if (plan === 'basic' && login) {
      this.#how = `${who} (Basic)`;
      return { authorization: basicOf(login) };
    }
    if (plan === undefined || plan === 'basic') {
      this.#how = login ? `${who}, not asked for` : who;
      return {};
    }
    const token = await this.#tokens.get(plan, login, request.exchange);
    this.#how = `${who}, token of ${plan.realm.host}`;
    return { authorization: `Bearer ${token.text}` };
  }

  /** How to answer what is offered; undefined when there is no answer. Faults for schemes we do not speak. */
  #planOf(url: URL, offered: readonly OfferedScheme[], hasLogin: boolean): Plan | undefined {
    const tokens = offered.map((one) => tokenRequestOf(one, url)).find((one) => one !== undefined);
    if (tokens && (!offers(offered, 'basic') || this.#mayAsk(tokens, hasLogin))) return tokens;
    if (offers(offered, 'basic')) return hasLogin ? 'basic' : undefined;
    const [first] = offered;
    if (!first) return undefined;
    const message =
      first.scheme === 'bearer'
        ? `${this.#options.upstream}: the registry asks for a token, but names no address to get it from.`
        : `${this.#options.upstream}: the registry asks for ${shortened(first.scheme, 40)} authentication, which we do not speak.`;
    throw new Fault('unauthorized', message, 'Check that the address is a registry; it must take Basic or Bearer.');
  }

  #mayAsk({ registry, realm }: TokenRequest, hasLogin: boolean): boolean {
    const trust = trustOfRealm(this.#options.reach, registry, realm);
    return trust === 'credentials' || (trust === 'anonymous' && !hasLogin);
  }
}

function offers(offered: readonly OfferedScheme[], scheme: string): boolean {
  return offered.some((one) => one.scheme === scheme);
}

/** A Bearer challenge with an address for its token service; our own scope stands in for an empty or missing one. */
function tokenRequestOf({ scheme, params }: OfferedScheme, url: URL): TokenRequest | undefined {
  const realm = scheme === 'bearer' ? URL.parse(params.get('realm') ?? '') : null;
  if (!realm) return undefined;
  realm.username = '';
  realm.password = '';
  realm.hash = '';
  const { scope } = placeOf(url);
  const asked = (params.get('scope') ?? '').split(/\s+/).filter(Boolean);
  const scopes = asked.length > 0 ? asked : scope === undefined ? [] : [scope];
  return { registry: new URL(url.origin), realm, service: params.get('service') || undefined, scopes };
}

/**
 * What a request is about: the repository, and whether its tags or its content, since some registries want another
 * scope for each (Azure: `metadata_read` for tags).
 */
function placeOf({ origin, pathname }: URL): { readonly key: string; readonly scope: string | undefined } {
  const [, repository, kind] = /^\/v2\/(.+)\/(tags|manifests|blobs|referrers)\//.exec(pathname) ?? [];
  if (!repository) return { key: `${origin}${pathname}`, scope: undefined };
  const key = `${origin} ${kind === 'tags' ? 'tags' : 'content'} ${repository}`;
  return { key, scope: `repository:${repository}:pull` };
}
