import { LRUCache } from 'lru-cache';

import { Fault } from '../../chart/fault.ts';
import type { Clock } from '../../lib/clock.ts';
import { shortened } from '../http-faults.ts';
import type { Authorization, AuthorizedRequest, Challenge, Presented } from './authorization.ts';
import { basicHeader, type Credential } from './basic.ts';
import { parseChallenges, type OfferedScheme } from './challenge.ts';
import { trustOfRealm } from './token-realm.ts';
import { TokenService, type TokenRequest } from './token-service.ts';

interface RegistryAuthorizationOptions {
  readonly upstream: string;
  /** Scheme, host and port of the registry. */
  readonly registry: URL;
  /** Absent: anonymous, which in most registries still takes a token. */
  readonly credential?: Credential | undefined;
  readonly clock: Clock;
}

/** What worked for a place of the registry the last time. */
type Plan = 'basic' | TokenRequest;

const maxPlaces = 10_000;

/**
 * Authenticates to any OCI registry: sends the request as it is, reads the challenge of a 401, and answers it with
 * Basic or with a bearer token (Docker token specification, GET). What a repository asked for is remembered, so that
 * the next request carries it at once.
 */
export function registryAuthorization(options: RegistryAuthorizationOptions): Authorization {
  return new RegistryAuthorization(options);
}

class RegistryAuthorization implements Authorization {
  readonly #options: RegistryAuthorizationOptions;
  readonly #tokens: TokenService;
  readonly #plans = new LRUCache<string, Plan>({ max: maxPlaces });
  /** The newest token when a request began: a later one that is refused will not get better. */
  readonly #begun = new WeakMap<AuthorizedRequest, number>();

  constructor(options: RegistryAuthorizationOptions) {
    this.#options = options;
    this.#tokens = new TokenService(options);
  }

  async present(request: AuthorizedRequest): Promise<Presented> {
    this.#begun.set(request, this.#tokens.serial);
    const plan = this.#plans.get(placeOf(request.url).key);
    if (!plan) return {};
    return plan === 'basic' ? this.#basic() : await this.#bearer(request, plan);
  }

  async answer(request: AuthorizedRequest, { presented, wwwAuthenticate }: Challenge): Promise<Presented | undefined> {
    const sent = presented['authorization'] ?? '';
    const place = placeOf(request.url);
    this.#plans.delete(place.key);
    const offered = parseChallenges(wwwAuthenticate);
    const wasBearer = sent.startsWith('Bearer ');
    if (wasBearer && !this.#wasStale(request, sent.slice('Bearer '.length))) return undefined;
    // Harbor asks for Basic when a token has expired; only a request without any is answered with Bearer
    if (wasBearer && !offered.some(({ scheme }) => scheme === 'bearer')) return {};
    const plan = this.#planOf(offered, place.scope);
    if (plan === undefined || (plan === 'basic' && sent.startsWith('Basic '))) return undefined;
    this.#plans.set(place.key, plan);
    return plan === 'basic' ? this.#basic() : await this.#bearer(request, plan);
  }

  /** Whether the refused token is older than the request; it is forgotten either way. */
  #wasStale(request: AuthorizedRequest, token: string): boolean {
    const serial = this.#tokens.serialOf(token);
    this.#tokens.drop(token);
    return serial === undefined || serial <= (this.#begun.get(request) ?? 0);
  }

  async #basic(): Promise<Presented> {
    const { upstream, credential } = this.#options;
    return credential ? { authorization: await basicHeader(upstream, credential) } : {};
  }

  async #bearer(request: AuthorizedRequest, plan: TokenRequest): Promise<Presented> {
    const basic = (await this.#basic())['authorization'];
    const token = await this.#tokens.get(plan, basic, request.exchange);
    return { authorization: `Bearer ${token.text}` };
  }

  /** How to answer what is offered; undefined when there is no answer. Faults for schemes we do not speak. */
  #planOf(offered: readonly OfferedScheme[], scope: string | undefined): Plan | undefined {
    const tokens = offered.map((one) => tokenRequestOf(one, scope)).find((one) => one !== undefined);
    const basic = offered.some(({ scheme }) => scheme === 'basic');
    if (tokens && (!basic || this.#mayAsk(tokens.realm))) return tokens;
    if (basic) return this.#options.credential && 'basic';
    const [first] = offered;
    if (!first) return undefined;
    const message =
      first.scheme === 'bearer'
        ? `${this.#options.upstream}: the registry asks for a token, but names no address to get it from.`
        : `${this.#options.upstream}: the registry asks for ${shortened(first.scheme, 40)} authentication, which we do not speak.`;
    throw new Fault('unauthorized', message, 'Check that the address is a registry; it must take Basic or Bearer.');
  }

  #mayAsk(realm: URL): boolean {
    const trust = trustOfRealm(this.#options.registry, realm);
    return trust === 'credentials' || (trust === 'anonymous' && !this.#options.credential);
  }
}

/** A Bearer challenge with an address for its token service; `scope` stands in for an empty or missing one. */
function tokenRequestOf({ scheme, params }: OfferedScheme, scope: string | undefined): TokenRequest | undefined {
  const realm = scheme === 'bearer' ? URL.parse(params.get('realm') ?? '') : null;
  if (!realm) return undefined;
  realm.username = '';
  realm.password = '';
  realm.hash = '';
  const asked = (params.get('scope') ?? '').split(/\s+/).filter(Boolean);
  const scopes = asked.length > 0 ? asked : scope === undefined ? [] : [scope];
  return { realm, service: params.get('service') || undefined, scopes };
}

/**
 * What a request is about: the repository, and whether its tags or its content, since some registries want another
 * scope for each (Azure: `metadata_read` for tags).
 */
function placeOf(url: URL): { readonly key: string; readonly scope: string | undefined } {
  const [, repository, kind] = /^\/v2\/(.+)\/(tags|manifests|blobs|referrers)\//.exec(url.pathname) ?? [];
  if (!repository) return { key: url.pathname, scope: undefined };
  return { key: `${kind === 'tags' ? 'tags' : 'content'} ${repository}`, scope: `repository:${repository}:pull` };
}
