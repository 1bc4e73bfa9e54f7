import { Fault } from '../../chart/fault.ts';
import type { Login } from './login.ts';

/**
 * `Authorization` for a login (RFC 7617, in UTF-8). A refresh token goes as the password of nobody in particular, which
 * is how containerd gives it to token services that know no POST.
 */
export function basicOf(login: Exclude<Login, { kind: 'bearer' }>): string {
  const proof = login.kind === 'password' ? `${login.username}:${login.password}` : `:${login.token}`;
  return `Basic ${Buffer.from(proof, 'utf8').toString('base64')}`;
}

/** `Authorization` for a token (RFC 6750). Faults with 'unauthorized' for text that no header can hold. */
export function bearerOf(upstream: string, token: string): string {
  return `Bearer ${sendable(upstream, token)}`;
}

/** The token itself. Faults with 'unauthorized' for text that no header can hold. */
export function sendable(upstream: string, token: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new Fault(
    'unauthorized',
    `${upstream}: the configured token cannot be sent: it holds a blank, a line break or another character no token has.`,
    'Check what auth names: is it the token alone, without a name before it or a second line?',
  );
}
