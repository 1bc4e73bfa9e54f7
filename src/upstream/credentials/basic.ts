import { Fault } from '../../chart/fault.ts';
import type { Secret } from '../../lib/secret.ts';
import type { Authorization } from './authorization.ts';

/** A user name and a password, or whatever the server takes for one. */
export interface Credential {
  readonly username: string;
  readonly password: Secret;
}

/** The header that proves both, as RFC 7617 says, in UTF-8. Faults with 'unauthorized' when the password cannot be read. */
export async function basicHeader(upstream: string, { username, password }: Credential): Promise<string> {
  return `Basic ${Buffer.from(`${username}:${await revealed(upstream, password)}`, 'utf8').toString('base64')}`;
}

/** The secret's text. A credential that is configured but cannot be read is a fault, never an anonymous attempt. */
export async function revealed(upstream: string, secret: Secret): Promise<string> {
  try {
    return await secret.reveal();
  } catch (cause) {
    const message = `${upstream}: the configured password cannot be read.`;
    throw new Fault('unauthorized', message, 'Check the file or the variable that auth names.', { cause });
  }
}

/** Presents nothing; a 401 stands. */
export const anonymous: Authorization = {
  present: async () => ({}),
  answer: async () => undefined,
};

/** For chart repositories: Basic with every request to the upstream's own origin, without waiting to be asked. */
export function basicAuthorization(upstream: string, credential: Credential): Authorization {
  return {
    present: async () => ({ authorization: await basicHeader(upstream, credential) }),
    answer: async () => undefined,
  };
}
