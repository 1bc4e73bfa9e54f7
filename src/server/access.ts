import { createHash, timingSafeEqual } from 'node:crypto';

import { Fault } from '../chart/fault.ts';
import type { Secret } from '../lib/secret.ts';

const bearer = /^Bearer +(\S+) *$/i;

/**
 * Whether a request may change something, by its `Authorization` (RFC 6750): true only with the admin token. Throws
 * 'denied' when no token is configured, 'unavailable' when it cannot be read. Takes the same time for every wrong token.
 */
export async function mayChange(token: Secret | undefined, authorization: string | undefined): Promise<boolean> {
  if (!token) {
    throw new Fault(
      'denied',
      'Changes are refused because no admin token is configured.',
      'Set server.adminToken and send it as a bearer token.',
    );
  }
  const expected = await reveal(token);
  const given = bearer.exec(authorization ?? '')?.[1];
  return given !== undefined && timingSafeEqual(fingerprint(given), fingerprint(expected));
}

async function reveal(token: Secret): Promise<string> {
  const text = await token.reveal().catch(() => '');
  if (text !== '') return text;
  throw new Fault('unavailable', 'The admin token cannot be read or is empty.', 'Check server.adminToken.');
}

function fingerprint(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
