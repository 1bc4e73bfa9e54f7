import { createVerify, generateKeyPairSync } from 'node:crypto';

import type { Site, SiteAnswer, SiteRequest } from '../internet.ts';

/** Google as far as access tokens go, answering as it does. */
export interface FakeGoogle {
  /** By their real names, for `openInternet`. */
  readonly sites: Readonly<Record<string, Site>>;
  /** The JSON of a service account's key. */
  readonly serviceAccount: Readonly<Record<string, string>>;
  /** The JSON that `gcloud auth application-default login` leaves. */
  readonly user: Readonly<Record<string, string>>;
  /** What a federated identity must show. */
  readonly subjectToken: string;
  /** `canary-access-1`, ...: the tokens given so far, each with the scope it was asked for. */
  readonly given: readonly { readonly token: string; readonly scope: string | undefined }[];
  /** Takes the service account's key away. */
  revoke(): void;
}

const lifeSeconds = 3600;

/** Of every service account: making one takes a while. */
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

/** Starts with one service account, one user and one federated identity. */
export function fakeGoogle(): FakeGoogle {
  const given: { token: string; scope: string | undefined }[] = [];
  let revoked = false;
  const give = (scope: string | undefined): string => {
    given.push({ token: `canary-access-${given.length + 1}`, scope });
    return `canary-access-${given.length}`;
  };
  const answered = (scope: string | undefined): SiteAnswer =>
    json(200, { access_token: give(scope), expires_in: lifeSeconds, token_type: 'Bearer' });
  const user = {
    ...{ type: 'authorized_user', client_id: 'gcloud', client_secret: 'canary-client' },
    refresh_token: 'canary-refresh',
  };
  const signed = (assertion: string): string | undefined => {
    const [head, claims, signature] = assertion.split('.');
    const isGood = createVerify('RSA-SHA256')
      .update(`${head}.${claims}`)
      .verify(publicKey, signature ?? '', 'base64url');
    if (!isGood || revoked) return undefined;
    return (JSON.parse(Buffer.from(claims ?? '', 'base64url').toString()) as { scope?: string }).scope;
  };
  const oauth: Site = ({ body }) => {
    const form = new URLSearchParams(body);
    if (form.get('grant_type') === 'refresh_token') {
      return form.get('refresh_token') === user.refresh_token ? answered(undefined) : refused;
    }
    const scope = signed(form.get('assertion') ?? '');
    return scope === undefined ? refused : answered(scope);
  };
  const sts: Site = ({ body }) => {
    const form = new URLSearchParams(body);
    return form.get('subject_token') === subjectToken ? answered(form.get('scope') ?? undefined) : refused;
  };
  const impersonation: Site = (request) => {
    if (!given.some(({ token }) => request.headers.authorization === `Bearer ${token}`)) return json(401, {});
    const { scope } = JSON.parse(request.body) as { scope: readonly string[] };
    const expireTime = new Date(Date.now() + lifeSeconds * 1000).toISOString();
    return json(200, { accessToken: give(scope.join(' ')), expireTime });
  };
  const subjectToken = 'canary-subject';
  return {
    sites: {
      'oauth2.googleapis.com': oauth,
      'sts.googleapis.com': sts,
      'iamcredentials.googleapis.com': impersonation,
    },
    serviceAccount: {
      ...{
        type: 'service_account',
        project_id: 'p',
        private_key_id: '1',
        client_email: 'charts@p.iam.gserviceaccount.com',
      },
      private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      auth_uri: 'https://accounts.google.com/o/oauth2/auth',
      token_uri: 'https://oauth2.googleapis.com/token',
      auth_provider_x509_cert_url: 'https://www.googleapis.com/oauth2/v1/certs',
      universe_domain: 'googleapis.com',
    },
    user,
    subjectToken,
    given,
    revoke: () => {
      revoked = true;
    },
  };
}

/** The metadata service of a machine of Google's, for `faultUpstream`. */
export function googleMetadata({ headers, target }: Pick<SiteRequest, 'headers' | 'target'>): SiteAnswer {
  if (headers['metadata-flavor'] !== 'Google') return { status: 403 };
  const flavor = { 'metadata-flavor': 'Google' };
  if (!target.includes('/service-accounts/default/token')) return { headers: flavor, body: 'here' };
  const body = JSON.stringify({ access_token: 'canary-node', expires_in: lifeSeconds, token_type: 'Bearer' });
  return { headers: { ...flavor, 'content-type': 'application/json' }, body };
}

const refused: SiteAnswer = json(400, { error: 'invalid_grant', error_description: 'canary: no such key' });

function json(status: number, body: unknown): SiteAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}
