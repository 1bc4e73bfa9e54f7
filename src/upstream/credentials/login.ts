import { Fault } from '../../chart/fault.ts';
import type { Secret } from '../../lib/secret.ts';

/** Who we are, as a server is told. */
export type Login =
  /** Basic (RFC 7617), or exchanged for a token by GET. */
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** A refresh token, as Docker's `identitytoken`: exchanged for a token by POST (Docker token specification, OAuth2). */
  | { readonly kind: 'identity'; readonly token: string }
  /** Sent as `Authorization: Bearer` as it is. */
  | { readonly kind: 'bearer'; readonly token: string };

/** Where the login of one upstream comes from. */
export interface LoginSource {
  /**
   * The login that is good now; undefined where the source says that there is none for this server. `refused` is one
   * that a server did not take: where the source can get another it does, else it gives the same again. Faults with
   * 'unauthorized' when a configured credential cannot be had.
   */
  login(refused?: Login): Promise<Login | undefined>;
  /** For people, without secrets: `user name and password`, `AWS, role arn:...`. */
  readonly description: string;
}

/** A user name and password of the configuration, read anew each time. */
export function passwordLogin(upstream: string, username: Secret, password: Secret): LoginSource {
  return {
    description: 'user name and password',
    login: async () => ({
      kind: 'password',
      username: await revealed(upstream, username),
      password: await revealed(upstream, password),
    }),
  };
}

/** A bearer token of the configuration, read anew each time. */
export function tokenLogin(upstream: string, token: Secret): LoginSource {
  return {
    description: 'bearer token',
    login: async () => ({ kind: 'bearer', token: await revealed(upstream, token) }),
  };
}

/** The secret's text. A credential that is configured but cannot be read is a fault, never an anonymous attempt. */
export async function revealed(upstream: string, secret: Secret): Promise<string> {
  try {
    return await secret.reveal();
  } catch (cause) {
    const message = `${upstream}: a configured credential cannot be read: ${(cause as Error).message}.`;
    throw new Fault('unauthorized', message, 'Check the file or the variable that auth names.', { cause });
  }
}

/** Whether two logins are the same to a server. */
export function isSameLogin(one: Login | undefined, other: Login | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
