import type { Clock } from '../../../src/lib/clock.ts';
import type { Site, SiteAnswer, SiteRequest } from '../internet.ts';

/** Keys that the fake knows. */
export interface FakeKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiresMs?: number;
}

/** AWS as far as a registry's login goes: STS, ECR and ECR public, answering as they do. */
export interface FakeAws {
  /** By their real names, for `openInternet`. */
  readonly sites: Readonly<Record<string, Site>>;
  /** The operator's own keys: they have no end. */
  readonly own: FakeKeys;
  /** Temporary keys, good for an hour. */
  issue(): FakeKeys;
  /** Nobody with these is known any more. */
  revoke(keys: FakeKeys): void;
  /** Whether a registry takes the password now. */
  accepts(password: string): boolean;
  /** Whether a password has lived four fifths of its life. */
  isOld(password: string): boolean;
  /** How often each operation was asked for: `GetAuthorizationToken`, `AssumeRole`, ... */
  readonly calls: Readonly<Record<string, number>>;
  /** What a web identity must be. */
  readonly webIdentity: string;
  /** What is answered instead, until undefined again. */
  instead: ((request: SiteRequest) => SiteAnswer | undefined) | undefined;
  /** Repositories and their images, for the listing. */
  readonly images: Map<string, readonly Readonly<Record<string, unknown>>[]>;
}

const hour = 3_600_000;

/** Starts with one pair of keys, by the given clock. */
export function fakeAws(clock: Clock): FakeAws {
  const own: FakeKeys = { accessKeyId: 'AKIAOWN', secretAccessKey: 'canary-own-secret' };
  const known = new Map<string, FakeKeys>([[own.accessKeyId, own]]);
  const passwords = new Map<string, number>();
  const calls: Record<string, number> = {};
  let serial = 0;
  const count = (operation: string): void => void (calls[operation] = (calls[operation] ?? 0) + 1);
  const issue = (): FakeKeys => {
    serial += 1;
    const [accessKeyId, sessionToken] = [`ASIA${serial}`, `canary-session-${serial}`];
    const keys = {
      accessKeyId,
      sessionToken,
      secretAccessKey: `canary-secret-${serial}`,
      expiresMs: clock.now() + hour,
    };
    known.set(keys.accessKeyId, keys);
    return keys;
  };
  /** What a service says to whoever signs with such keys; undefined when nothing is wrong. */
  const refusal = ({ headers }: SiteRequest): string | undefined => {
    const id = /^AWS4-HMAC-SHA256 Credential=(\w+)\/.*Signature=[0-9a-f]{64}$/.exec(headers.authorization ?? '')?.[1];
    const keys = known.get(id ?? '');
    if (!keys) return 'UnrecognizedClientException';
    if (headers['x-amz-security-token'] !== keys.sessionToken) return 'InvalidSignatureException';
    return (keys.expiresMs ?? Infinity) <= clock.now() ? 'ExpiredTokenException' : undefined;
  };
  const password = () => {
    serial += 1;
    const text = `canary-password-${serial}`;
    passwords.set(text, clock.now() + 12 * hour);
    const authorizationToken = Buffer.from(`AWS:${text}`).toString('base64');
    return { authorizationToken, expiresAt: (clock.now() + 12 * hour) / 1000 };
  };
  const images: FakeAws['images'] = new Map();
  const api =
    (isPublic: boolean): Site =>
    (request) => {
      const target = String(request.headers['x-amz-target']);
      const operation = target.split('.')[1] ?? '';
      count(operation);
      const instead = fake.instead?.(request);
      if (instead) return instead;
      const refused = refusal(request);
      if (refused) return json(400, { __type: refused, message: `refused ${request.headers.authorization}` });
      const given = () => (isPublic ? password() : [password()]);
      if (operation === 'GetAuthorizationToken') return json(200, { authorizationData: given() });
      return listed(images, operation, JSON.parse(request.body) as Question);
    };
  const webIdentity = 'canary-web-identity';
  const sts: Site = (request) => {
    const question = new URLSearchParams(request.body);
    const action = question.get('Action') ?? '';
    count(action);
    const instead = fake.instead?.(request);
    if (instead) return instead;
    const isWeb = action === 'AssumeRoleWithWebIdentity';
    if (isWeb && question.get('WebIdentityToken') !== webIdentity) return xmlError('InvalidIdentityToken');
    const refused = isWeb ? undefined : refusal(request);
    return refused ? xmlError(refused) : { headers: xmlType, body: xmlOf(action, issue()) };
  };
  const fake: FakeAws = {
    sites: {
      'api.ecr.eu-central-1.amazonaws.com': api(false),
      'api.ecr-public.us-east-1.amazonaws.com': api(true),
      'sts.eu-central-1.amazonaws.com': sts,
      'sts.us-east-1.amazonaws.com': sts,
    },
    own,
    issue,
    revoke: ({ accessKeyId }) => void known.delete(accessKeyId),
    accepts: (text) => (passwords.get(text) ?? 0) > clock.now(),
    isOld: (text) => (passwords.get(text) ?? Infinity) - clock.now() <= 2.4 * hour,
    calls,
    webIdentity,
    instead: undefined,
    images,
  };
  return fake;
}

interface Question {
  readonly registryId?: string;
  readonly repositoryName?: string;
  readonly nextToken?: string;
  readonly maxResults?: number;
}

/** Pages of two, so that there are several. */
function listed(images: FakeAws['images'], operation: string, question: Question): SiteAnswer {
  if (question.registryId !== '123456789012') return json(400, { __type: 'InvalidParameterException' });
  const isImages = operation === 'DescribeImages';
  const all = isImages
    ? images.get(question.repositoryName ?? '')
    : [...images.keys()].map((repositoryName) => ({ repositoryName }));
  if (!all) return json(400, { __type: 'RepositoryNotFoundException', message: 'no such repository' });
  const start = Number(question.nextToken ?? 0);
  const nextToken = start + 2 < all.length ? { nextToken: String(start + 2) } : {};
  return json(200, { [isImages ? 'imageDetails' : 'repositories']: all.slice(start, start + 2), ...nextToken });
}

function json(status: number, body: unknown): SiteAnswer {
  return { status, headers: { 'content-type': 'application/x-amz-json-1.1' }, body: JSON.stringify(body) };
}

const xmlType = { 'content-type': 'text/xml' };

function xmlOf(action: string, keys: FakeKeys): string {
  const { accessKeyId, secretAccessKey, sessionToken, expiresMs = 0 } = keys;
  const credentials = [
    `<AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>${secretAccessKey}</SecretAccessKey>`,
    `<SessionToken>${sessionToken}</SessionToken><Expiration>${new Date(expiresMs).toISOString()}</Expiration>`,
  ].join('');
  const user =
    '<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/charts/chartroom</Arn><AssumedRoleId>A:c</AssumedRoleId></AssumedRoleUser>';
  const result = `<${action}Result><Credentials>${credentials}</Credentials>${user}</${action}Result>`;
  return `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">${result}</${action}Response>`;
}

function xmlError(code: string): SiteAnswer {
  const body = `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>no</Message></Error></ErrorResponse>`;
  return { status: 403, headers: xmlType, body };
}
