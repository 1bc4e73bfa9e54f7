import { Fault } from '../../chart/fault.ts';
import type { Clock } from '../../lib/clock.ts';
import { Renewing, type Made } from '../../lib/renewing.ts';
import type { TokenQuestion } from './authorization.ts';
import { azureCloudOf } from './azure-cloud.ts';
import { azureToken, type AzureTokenOptions } from './azure-token.ts';
import { calling, type CloudCaller } from './cloud-calls.ts';
import { expiryOf } from './jwt.ts';
import type { Login, LoginSource } from './login.ts';

interface AzureOptions extends AzureTokenOptions {
  readonly registry: URL;
  readonly clock: Clock;
  /** Sends a question to the registry itself, without any other credential. */
  readonly ask: (question: TokenQuestion) => Promise<{ readonly status: number; readonly body: string }>;
}

/** Of a token that does not say its end. */
const lifeMs = 60 * 60_000;

/**
 * A registry's refresh token, given by its `/oauth2/exchange` for a token of Entra ID: three hours, renewed at 80 % of
 * them. After one that the registry refused both are got anew. Faults with 'unauthorized' when there is no identity or
 * the registry does not take it, and for a host that is not Azure's.
 */
export function azureLogin(options: AzureOptions): LoginSource {
  const { upstream, auth, clock } = options;
  const advice = 'Check tenantId, clientId and clientSecret, or the identity of the environment.';
  const caller: CloudCaller = { upstream, cloud: 'Azure', advice, clock };
  const exchanged = new Exchanged(options);
  const tokens = new Renewing(() => calling(caller, (signal) => exchanged.token(signal)), clock);
  return {
    description: auth.clientSecret ? 'Azure application' : 'Azure identity of the environment',
    login: async (refused) => {
      if (refused) tokens.drop(refused);
      return await tokens.get();
    },
  };
}

class Exchanged {
  readonly #options: AzureOptions;
  /** The scope that worked last is asked for first. */
  #second = false;

  constructor(options: AzureOptions) {
    this.#options = options;
  }

  async token(signal: AbortSignal): Promise<Made<Login>> {
    const answer = await this.#exchange(this.#second, signal);
    if (answer.status !== 401) return this.#read(answer);
    const other = await this.#exchange(!this.#second, signal);
    if (other.status === 200) this.#second = !this.#second;
    return this.#read(other);
  }

  /** Registries of older setups take tokens of the resource manager only, others refuse just those. */
  async #exchange(second: boolean, signal: AbortSignal): Promise<{ readonly status: number; readonly body: string }> {
    const { upstream, registry, auth, ask } = this.#options;
    const { authorityHost, scopes } = azureCloudOf(upstream, registry);
    const token = await azureToken(this.#options, authorityHost, scopes[second ? 1 : 0], signal);
    const body = new URLSearchParams({ grant_type: 'access_token', service: registry.host, access_token: token });
    if (auth.tenantId !== undefined) body.set('tenant', auth.tenantId);
    return await ask({ method: 'POST', url: new URL('/oauth2/exchange', registry), body: body.toString() });
  }

  #read({ status, body }: { readonly status: number; readonly body: string }): Made<Login> {
    const { upstream, registry, clock } = this.#options;
    if (status === 401 || status === 403) {
      const message = `${upstream}: the registry ${registry.host} does not know the Azure identity (${status}).`;
      throw new Fault('unauthorized', message, 'Give it the role AcrPull on the registry.');
    }
    const token = status === 200 ? refreshTokenIn(body) : undefined;
    if (token === undefined) {
      const message = `${upstream}: the registry ${registry.host} gave nothing for a token of Azure (${status}).`;
      throw new Fault('upstream-failed', message, 'It is tried again later; look at the registry if it goes on.');
    }
    return { value: { kind: 'identity', token }, expiresMs: expiryOf(token) ?? clock.now() + lifeMs };
  }
}

function refreshTokenIn(body: string): string | undefined {
  try {
    const { refresh_token: token } = JSON.parse(body) as { refresh_token?: unknown };
    return typeof token === 'string' && token !== '' ? token : undefined;
  } catch {
    return undefined;
  }
}
