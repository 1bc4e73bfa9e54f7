import { faultUpstream, type FaultUpstream, type Script, type SeenRequest } from './fault-upstream.ts';

export interface TokenServerOptions {
  readonly username?: string;
  readonly password?: string;
  /** Whether tokens are given to nobody in particular. */
  readonly anonymousTokens?: boolean;
  /** Exchanged for tokens by POST, and by GET as the password of a user without a name. */
  readonly refreshToken?: string;
  /** What a POST is answered with where there is no such thing; it is understood when absent. */
  readonly postStatus?: number;
  /** The same of GET. */
  readonly getStatus?: number;
  /** Any scope but `repository:...` is answered 400, and none at all 401 for nobody, as Quay does. */
  readonly repositoryScopesOnly?: boolean;
}

/** A token service as registries have one: `/token`, for anybody or for one user. */
export interface TokenServer extends FaultUpstream {
  /** The token that the next answers carry beside its number, and what else they say. */
  answerWith(fields: Readonly<Record<string, unknown>>): void;
  /** Whether an Authorization header bears a token of this server that was not revoked. */
  accepts(authorization: string): boolean;
  /** From now on none of the tokens given so far is accepted. */
  revoke(): void;
  /** How many tokens were given. */
  readonly given: number;
}

/** Starts one; it ends with the test that asked for it. */
export async function tokenServer(options: TokenServerOptions = {}): Promise<TokenServer> {
  const server = await faultUpstream();
  const valid = new Set<string>();
  let given = 0;
  let fields: Readonly<Record<string, unknown>> = { expires_in: 300 };
  server.on('/token', (request) => {
    const refused = refusal(options, request);
    if (refused) return refused;
    given += 1;
    const token = `token-${given}`;
    valid.add(token);
    // by OAuth2 there is an access_token only
    const name = request.method === 'POST' ? 'access_token' : 'token';
    return { body: JSON.stringify({ [name]: token, ...fields }) };
  });
  return {
    ...server,
    answerWith: (next) => {
      fields = next;
    },
    accepts: (authorization) => valid.has(authorization.replace(/^Bearer /, '')),
    revoke: () => valid.clear(),
    get given() {
      return given;
    },
  };
}

function refusal(options: TokenServerOptions, request: SeenRequest): Script | undefined {
  const isPost = request.method === 'POST';
  const notSpoken = isPost ? options.postStatus : options.getStatus;
  if (notSpoken !== undefined) return { status: notSpoken, body: '{}' };
  const scopes = new URL(request.target, 'http://x').searchParams.getAll('scope');
  if (options.repositoryScopesOnly) {
    if (scopes.some((scope) => !/^repository:[^:]+:(?:pull|push|\*)(?:,(?:pull|push|\*))*$/.test(scope))) {
      return { status: 400, body: '{"error":"invalid scope"}' };
    }
    if (scopes.length === 0 && request.headers.authorization === undefined) return unauthorized;
  }
  const may = isPost ? mayExchange(options, request) : mayHave(options, request);
  return may ? undefined : unauthorized;
}

const unauthorized: Script = { status: 401, body: '{"errors":[{"code":"UNAUTHORIZED"}]}' };

function mayExchange({ refreshToken }: TokenServerOptions, { headers, body }: SeenRequest): boolean {
  const form = new URLSearchParams(body);
  const isForm = headers['content-type'] === 'application/x-www-form-urlencoded';
  const isExchange = form.get('grant_type') === 'refresh_token' && form.has('client_id');
  return isForm && isExchange && refreshToken !== undefined && form.get('refresh_token') === refreshToken;
}

function mayHave(options: TokenServerOptions, request: SeenRequest): boolean {
  const { username, password, refreshToken, anonymousTokens = true } = options;
  const { authorization } = request.headers;
  if (authorization === undefined) return anonymousTokens;
  const isUser = username !== undefined && authorization === basicOf(username, password ?? '');
  return isUser || (refreshToken !== undefined && authorization === basicOf('', refreshToken));
}

function basicOf(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
