import { createHash } from 'node:crypto';

import { LRUCache } from 'lru-cache';

import { Fault } from '../../chart/fault.ts';
import { readAll } from '../../lib/bytes.ts';
import type { Clock } from '../../lib/clock.ts';
import { SingleFlight } from '../../lib/single-flight.ts';
import { faultOfStatus, portOf, shortened } from '../http-faults.ts';
import type { HttpAnswer } from '../http.ts';
import type { Exchange, Presented } from './authorization.ts';
import { trustOfRealm } from './token-realm.ts';

/** Where a registry sends us for a token, and for what. */
export interface TokenRequest {
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
  readonly registry: URL;
  readonly clock: Clock;
}

const maxTokens = 1000;
const maxAnswerBytes = 64 * 1024;
/** The life of a token whose issuer does not tell, by the token specification. */
const defaultLifeMs = 60_000;

/**
 * Gets bearer tokens by GET, as the Docker token specification says, and keeps them for as long as they are good:
 * renewed after 80 % of their life and no later than 10 s before its end. One request per token however many wait.
 */
export class TokenService {
  readonly #options: TokenServiceOptions;
  readonly #tokens = new LRUCache<string, Token>({ max: maxTokens });
  readonly #flights = new SingleFlight<Token>();
  #serial = 0;

  constructor(options: TokenServiceOptions) {
    this.#options = options;
  }

  /** The number of the newest token. */
  get serial(): number {
    return this.#serial;
  }

  /**
   * A token for the request. `basic` is the Authorization header that proves who we are, absent for anonymous. Faults
   * with 'unauthorized' when the service may not be told it or refuses it. An old token is used to its end when no
   * new one can be had.
   */
  async get(request: TokenRequest, basic: string | undefined, exchange: Exchange): Promise<Token> {
    const key = this.#keyOf(request, basic);
    const kept = this.#tokens.get(key);
    const nowMs = this.#options.clock.elapsed();
    if (kept && nowMs < kept.renewAtMs) return kept;
    try {
      return await this.#flights.run(key, () => this.#issue(key, request, basic, exchange));
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

  #keyOf({ realm, service, scopes }: TokenRequest, basic: string | undefined): string {
    const credential = basic && createHash('sha256').update(basic).digest('hex');
    return JSON.stringify([this.#options.registry.origin, realm.href, service, scopes.toSorted(), credential]);
  }

  async #issue(key: string, request: TokenRequest, basic: string | undefined, exchange: Exchange): Promise<Token> {
    const answer = await exchange('GET', tokenUrl(request), (url, trusted) => this.#headersFor(url, trusted, basic));
    const fields = await this.#fieldsOf(answer, basic !== undefined);
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

  /** What a hop to the token service or wherever it redirects is told. */
  #headersFor(url: URL, trusted: boolean, basic: string | undefined): Presented {
    const { upstream, registry } = this.#options;
    const trust = trustOfRealm(registry, url);
    if (trust === 'refused') {
      const message = `${upstream}: the registry ${registry.host} asks for a token from ${shortened(url.origin)}, which is not asked.`;
      throw new Fault(
        'unauthorized',
        message,
        'A token service must speak https, and not lie inside a private network.',
      );
    }
    if (basic === undefined) return {};
    if (trust === 'credentials' && trusted) return { authorization: basic };
    const message = `${upstream}: the registry ${registry.host} asks for a token from ${shortened(url.origin)}, which is not its own: the password was not sent.`;
    throw new Fault(
      'unauthorized',
      message,
      'Is this the right registry? A password goes to its own host and to the known token services only.',
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
    } catch (cause) {
      throw this.#noToken(answer.url, cause);
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

/** What `expires_in` or the token's own `exp` leaves, whichever is less. */
function lifeOf(token: string, expiresIn: unknown, nowMs: number): number {
  const seconds = Number(expiresIn);
  const told = seconds > 0 && Number.isFinite(seconds) ? seconds * 1000 : undefined;
  const expiresAtMs = expiryOf(token);
  const left = expiresAtMs === undefined ? undefined : Math.max(0, expiresAtMs - nowMs);
  return Math.min(told ?? left ?? defaultLifeMs, left ?? Infinity);
}

/** `exp` of a JWT (RFC 7519), unverified: only the issuer's word on how long it is good. */
function expiryOf(token: string): number | undefined {
  const parts = token.split('.');
  if (parts.length !== 3) return undefined;
  try {
    const { exp } = JSON.parse(Buffer.from(parts[1] ?? '', 'base64url').toString('utf8')) as { exp?: unknown };
    return typeof exp === 'number' && Number.isFinite(exp) ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}
