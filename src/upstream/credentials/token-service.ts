import { createHash } from 'node:crypto';

import { LRUCache } from 'lru-cache';

import { Fault } from '../../chart/fault.ts';
import { readAll } from '../../lib/bytes.ts';
import type { Clock } from '../../lib/clock.ts';
import { SingleFlight } from '../../lib/single-flight.ts';
import { faultOfStatus, portOf, shortened } from '../http/faults.ts';
import type { HttpAnswer } from '../http/http.ts';
import type { Reach } from '../http/reach.ts';
import type { Exchange, Presented } from './authorization.ts';
import { expiryOf } from './jwt.ts';
import { basicOf } from './login-header.ts';
import type { Login } from './login.ts';
import { trustOfRealm } from './token-realm.ts';

/** Where a registry sends us for a token, and for what. */
export interface TokenRequest {
  /** Scheme, host and port of the registry. */
  readonly registry: URL;
  readonly realm: URL;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
}

/** A token and how long to use it, in the clock's `elapsed`. */
export interface Token {
  readonly text: string;
  /** Counts the tokens of one service: a later one has a higher number. */
  readonly serial: number;
  readonly renewAtMs: number;
  readonly expiresAtMs: number;
}

interface TokenServiceOptions {
  readonly upstream: string;
  readonly reach: Reach;
  readonly clock: Clock;
}

/** What is exchanged for a token. */
type Exchanged = Exclude<Login, { kind: 'bearer' }>;

const maxTokens = 1000;
const maxAnswerBytes = 64 * 1024;
/** The life of a token whose issuer does not tell, by the token specification. */
const defaultLifeMs = 60_000;

/** Answers of token services that know no POST, or not for everybody (GCR, DigitalOcean, Artifactory, Azure). */
const withoutPost = new Set([400, 401, 404, 405]);

/**
 * Gets bearer tokens, as the Docker token specification says: by GET for a password or for nobody, by POST for a refresh
 * token. Keeps them for as long as they are good: renewed after 80 % of their life and no later than 10 s before its
 * end. One request per token however many wait.
 */
export class TokenService {
  readonly #options: TokenServiceOptions;
  readonly #tokens = new LRUCache<string, Token>({ max: maxTokens });
  readonly #flights = new SingleFlight<Token>();
  /** Realms that refused a POST and answered a GET. */
  readonly #getOnly = new LRUCache<string, true>({ max: maxTokens });
  #serial = 0;

  constructor(options: TokenServiceOptions) {
    this.#options = options;
  }

  /** The number of the newest token. */
  get serial(): number {
    return this.#serial;
  }

  /**
   * A token for the request, for a login or for nobody. Faults with 'unauthorized' when the service may not be told the
   * login or refuses it. An old token is used to its end when no new one can be had.
   */
  async get(request: TokenRequest, login: Exchanged | undefined, exchange: Exchange): Promise<Token> {
    const key = keyOf(request, login);
    const kept = this.#tokens.get(key);
    const nowMs = this.#options.clock.elapsed();
    if (kept && nowMs < kept.renewAtMs) return kept;
    try {
      return await this.#flights.run(key, () => this.#issue(key, request, login, exchange));
    } catch (error) {
      if (kept && nowMs < kept.expiresAtMs && this.#tokens.get(key) === kept) return kept;
      throw error;
    }
  }

  /** Forgets a token that was refused; one that has replaced it meanwhile stays. */
  drop(text: string): void {
    for (const [key, token] of this.#tokens.entries()) if (token.text === text) this.#tokens.delete(key);
  }

  /** The number of a kept token; undefined when it is not kept any more. */
  serialOf(text: string): number | undefined {
    for (const token of this.#tokens.values()) if (token.text === text) return token.serial;
    return undefined;
  }

  async #issue(key: string, request: TokenRequest, login: Exchanged | undefined, exchange: Exchange): Promise<Token> {
    const answer = await this.#ask(request, login, exchange);
    const fields = await this.#fieldsOf(answer, login !== undefined);
    const text = [fields['token'], fields['access_token']].find(isToken);
    if (text === undefined) throw this.#noToken(answer.url);
    this.#serial += 1;
    const nowMs = this.#options.clock.elapsed();
    const lifeMs = lifeOf(text, fields['expires_in'], this.#options.clock.now());
    const renewAtMs = nowMs + Math.min(lifeMs * 0.8, lifeMs - 10_000);
    const token = { text, serial: this.#serial, renewAtMs, expiresAtMs: nowMs + lifeMs };
    this.#tokens.set(key, token);
    return token;
  }

  async #ask(request: TokenRequest, login: Exchanged | undefined, exchange: Exchange): Promise<HttpAnswer> {
    const { realm } = request;
    const headersFor = (proof: Presented) => (url: URL, trusted: boolean) => {
      this.#expectFit(request.registry, url, login !== undefined, trusted);
      return proof;
    };
    const byPost = login?.kind === 'identity' && !this.#getOnly.has(realm.href);
    if (byPost) {
      const answer = await exchange({ method: 'POST', url: realm, body: formOf(request, login.token) }, headersFor({}));
      if (!withoutPost.has(answer.status)) return answer;
      await answer.dump();
    }
    const proof: Presented = login ? { authorization: basicOf(login) } : {};
    const answer = await exchange({ method: 'GET', url: tokenUrl(request) }, headersFor(proof));
    if (byPost && answer.status === 200) this.#getOnly.set(realm.href, true);
    return answer;
  }

  /** Faults when a hop to the token service, or wherever it redirects, must not be told what the question holds. */
  #expectFit(registry: URL, url: URL, isProof: boolean, trusted: boolean): void {
    const trust = trustOfRealm(this.#options.reach, registry, url);
    const where = `${this.#options.upstream}: the registry ${registry.host} asks for a token from ${shortened(url.origin)}`;
    if (trust === 'refused') {
      throw new Fault('unauthorized', `${where}, which is not asked.`, adviceOnRealm(registry, url));
    }
    if (!isProof || (trust === 'credentials' && trusted)) return;
    throw new Fault(
      'unauthorized',
      `${where}, which is not its own: the password was not sent.`,
      `Is this the right registry? Name ${shortened(url.origin)} in passCredentials if it may have the password.`,
    );
  }

  async #fieldsOf(answer: HttpAnswer, authenticated: boolean): Promise<Readonly<Record<string, unknown>>> {
    if (answer.status !== 200) {
      await answer.dump();
      throw this.#refusal(answer, authenticated);
    }
    const body = await readAll(answer.body, maxAnswerBytes).catch((error: unknown) => {
      throw error instanceof Fault ? error : this.#noToken(answer.url, error);
    });
    try {
      const fields: unknown = JSON.parse(body.toString('utf8'));
      return typeof fields === 'object' && fields !== null ? (fields as Record<string, unknown>) : {};
    } catch {
      // the error of the parser quotes what it read, which may be part of a token
      throw this.#noToken(answer.url);
    }
  }

  #refusal(answer: HttpAnswer, authenticated: boolean): Fault {
    const { upstream } = this.#options;
    const where = `the token service ${portOf(answer.url)}`;
    if ((answer.status !== 401 && answer.status !== 403) || answer.retryAfterMs !== undefined) {
      return faultOfStatus(upstream, answer, `a question for a token at ${portOf(answer.url)}`);
    }
    if (authenticated) {
      const message = `${upstream}: ${where} refused these credentials (${answer.status}).`;
      return new Fault('unauthorized', message, 'Check auth; a token may have expired.');
    }
    const message = `${upstream}: ${where} gives no token without credentials (${answer.status}).`;
    return new Fault('unauthorized', message, 'Is the name right? What is not public needs auth.');
  }

  #noToken(url: URL, cause?: unknown): Fault {
    const message = `${this.#options.upstream}: the token service ${portOf(url)} answered with something that is no token.`;
    return new Fault('upstream-failed', message, 'Check the address; is a login page in the way?', { cause });
  }
}

/** What mends a realm that is refused: nothing but TLS, unless it is only that it lies inside. */
function adviceOnRealm(registry: URL, realm: URL): string {
  return realm.protocol === 'https:' || registry.protocol === realm.protocol
    ? `It lies inside a private network: name ${shortened(realm.origin)} in passCredentials if it is to be asked.`
    : 'A token service must speak https, unless its registry is spoken to without TLS.';
}

function keyOf({ registry, realm, service, scopes }: TokenRequest, login: Exchanged | undefined): string {
  const proof = login && createHash('sha256').update(JSON.stringify(login)).digest('hex');
  return JSON.stringify([registry.origin, realm.href, service, scopes.toSorted(), proof]);
}

function formOf({ service, scopes }: TokenRequest, refreshToken: string): string {
  return new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    client_id: 'chartroom',
    ...(service !== undefined && { service }),
    ...(scopes.length > 0 && { scope: scopes.join(' ') }),
  }).toString();
}

/** The realm with its own query kept, then service and scopes. */
function tokenUrl({ realm, service, scopes }: TokenRequest): URL {
  const url = new URL(realm);
  const asked = [
    ...(service === undefined ? [] : [`service=${encodeURIComponent(service)}`]),
    ...scopes.map((scope) => `scope=${encodeURIComponent(scope)}`),
  ];
  url.search = [url.search.slice(1), ...asked].filter(Boolean).join('&');
  return url;
}

/** Fit for a header, and no longer than servers take. */
function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]{1,32768}$/.test(value);
}

/** What `expires_in` or the token's own `exp` leaves, whichever is less. One that has ended as it comes is so by our clock alone. */
function lifeOf(token: string, expiresIn: unknown, nowMs: number): number {
  const seconds = Number(expiresIn);
  const told = seconds > 0 && Number.isFinite(seconds) ? seconds * 1000 : undefined;
  const left = (expiryOf(token) ?? 0) - nowMs;
  return left > 0 ? Math.min(told ?? left, left) : (told ?? defaultLifeMs);
}
