import type { Clock } from '../../../src/lib/clock.ts';
import type { TokenQuestion } from '../../../src/upstream/credentials/authorization.ts';
import type { Site, SiteAnswer } from '../internet.ts';

/** Azure as far as a registry's login goes: Entra ID, and the exchange of a registry, answering as they do. */
export interface FakeAzure {
  /** Entra ID by its real name, for `openInternet`. */
  readonly sites: Readonly<Record<string, Site>>;
  readonly tenantId: string;
  readonly clientId: string;
  /** What proves the application: its secret, or the assertion of a workload. */
  readonly clientSecret: string;
  readonly assertion: string;
  /** How often Entra ID gave a token, by scope. */
  readonly given: Readonly<Record<string, number>>;
  /** Scopes whose tokens the registry takes. */
  readonly scopes: Set<string>;
  /** The registry's `/oauth2/exchange`. */
  exchange(this: void, question: TokenQuestion): Promise<{ readonly status: number; readonly body: string }>;
  /** How often the registry was asked. */
  exchanges(): number;
  /** Whether a refresh token is good now. */
  accepts(token: string): boolean;
}

const hour = 3_600_000;
const tenantId = '11111111-2222-3333-4444-555555555555';
const clientId = '99999999-8888-7777-6666-555555555555';

/** Starts with one application. */
export function fakeAzure(clock: Clock): FakeAzure {
  const given: Record<string, number> = {};
  const tokens = new Map<string, string>();
  const refresh = new Map<string, number>();
  const [clientSecret, assertion] = ['canary-client-secret', 'canary-assertion'];
  let exchanges = 0;
  const token = (form: URLSearchParams): SiteAnswer => {
    const proof = [form.get('client_secret') === clientSecret, form.get('client_assertion') === assertion];
    if (form.get('client_id') !== clientId || !proof.includes(true)) return refusal;
    const scope = (form.get('scope') ?? '').split(' ')[0] ?? '';
    given[scope] = (given[scope] ?? 0) + 1;
    const text = `canary-entra-${tokens.size + 1}`;
    tokens.set(text, scope);
    return json(200, { token_type: 'Bearer', expires_in: 3599, ext_expires_in: 3599, access_token: text });
  };
  const entra: Site = ({ path, body }) => {
    if (path.endsWith('/discovery/instance'))
      return json(200, { tenant_discovery_endpoint: `${authority}/v2.0/x`, metadata });
    if (path.endsWith('/.well-known/openid-configuration')) return json(200, openid);
    return path === `/${tenantId}/oauth2/v2.0/token` ? token(new URLSearchParams(body)) : { status: 404 };
  };
  const scopes = new Set(['https://containerregistry.azure.net/.default', 'https://management.azure.com/.default']);
  return {
    sites: { 'login.microsoftonline.com': entra },
    ...{ tenantId, clientId, clientSecret, assertion, given, scopes },
    exchange: async ({ method, url, body }) => {
      exchanges += 1;
      const form = new URLSearchParams(body);
      if (method !== 'POST' || url.pathname !== '/oauth2/exchange') return { status: 404, body: '' };
      const known = tokens.get(form.get('access_token') ?? '') ?? '';
      if (!scopes.has(known) || form.get('service') !== url.host) return { status: 401, body: '{"errors":[]}' };
      const claims = { exp: (clock.now() + 3 * hour) / 1000, jti: String(exchanges) };
      const text = `h.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.s`;
      refresh.set(text, clock.now() + 3 * hour);
      return { status: 200, body: JSON.stringify({ refresh_token: text }) };
    },
    exchanges: () => exchanges,
    accepts: (text) => (refresh.get(text) ?? 0) > clock.now(),
  };
}

const authority = `https://login.microsoftonline.com/${tenantId}`;
const host = 'login.microsoftonline.com';
const metadata = [{ preferred_network: host, preferred_cache: host, aliases: [host] }];
const openid = {
  ...{ issuer: `${authority}/v2.0`, token_endpoint: `${authority}/oauth2/v2.0/token` },
  ...{ authorization_endpoint: `${authority}/oauth2/v2.0/authorize`, jwks_uri: `${authority}/discovery/v2.0/keys` },
};

const refusal: SiteAnswer = json(401, {
  error: 'invalid_client',
  error_description: 'AADSTS7000215: Invalid client secret provided: canary.',
  error_codes: [7_000_215],
});

function json(status: number, body: unknown): SiteAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}
