import { faultUpstream, type FaultUpstream, type SeenRequest } from './fault-upstream.ts';

interface TokenServerOptions {
  readonly username?: string;
  readonly password?: string;
  readonly anonymousTokens?: boolean;
}

/** A token service as registries have one: `/token` by GET, for anybody or for one user. */
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
    if (!mayHave(options, request)) return { status: 401, body: '{"errors":[{"code":"UNAUTHORIZED"}]}' };
    given += 1;
    const token = `token-${given}`;
    valid.add(token);
    return { body: JSON.stringify({ token, ...fields }) };
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

function mayHave({ username, password, anonymousTokens = true }: TokenServerOptions, request: SeenRequest): boolean {
  const { authorization } = request.headers;
  if (authorization === undefined) return anonymousTokens;
  return authorization === `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
