import type { SiteRequest } from '../internet.ts';

/** Tokens that a fixture gave out, each for its scopes. */
export class TokenDesk {
  readonly #scopes = new Map<string, readonly string[]>();
  readonly #lifeSeconds: number | undefined;
  #given = 0;

  /** With a life its tokens say themselves when they end, as a JWT does. */
  constructor(lifeSeconds?: number) {
    this.#lifeSeconds = lifeSeconds;
  }

  /** A new token for the scopes of a request to a token service, by GET or by POST. */
  give(request: SiteRequest): string {
    const form = new URLSearchParams(request.body);
    const asked = [...request.query.getAll('scope'), ...form.getAll('scope')];
    this.#given += 1;
    const token = this.#written(this.#given);
    this.#scopes.set(
      token,
      asked.flatMap((scope) => scope.split(' ')),
    );
    return token;
  }

  /** Whether a request bears a token for a scope; any token for none in particular. */
  admits({ headers }: SiteRequest, scope?: string): boolean {
    const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? '';
    const scopes = this.#scopes.get(token);
    return scopes !== undefined && (scope === undefined || scopes.includes(scope));
  }

  /** From now on none of those given is any good. */
  expire(): void {
    this.#scopes.clear();
  }

  #written(number: number): string {
    if (this.#lifeSeconds === undefined) return `registry-token-${number}`;
    const claims = { jti: number, exp: Math.floor(Date.now() / 1000) + this.#lifeSeconds };
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    return `${part({ alg: 'none' })}.${part(claims)}.signature`;
  }
}
