import type { IncomingMessage } from 'node:http';

import type { Log } from '../lib/log.ts';
import type { Exchange } from './exchange.ts';

const maxTextLength = 512;

/**
 * One line about an answer that is finished or broke off. Holds no query and no credentials, and is one line whatever a
 * client wrote, since it is JSON.
 */
export function logAccess(
  log: Log,
  incoming: IncomingMessage,
  exchange: Exchange,
  from: string,
  durationMs: number,
): void {
  log.info(
    {
      door: exchange.door,
      method: incoming.method,
      path: pathOf(incoming.url ?? ''),
      status: exchange.seenStatus,
      bytes: exchange.bodyBytes,
      ms: Math.round(durationMs * 100) / 100,
      remote: from,
      userAgent: incoming.headers['user-agent']?.slice(0, maxTextLength),
      repository: exchange.repository,
      chart: exchange.chart,
      version: exchange.version,
      aborted: exchange.writableFinished ? undefined : true,
    },
    'request',
  );
}

/** A request target without its query, and without the authority that may hold a password. */
function pathOf(target: string): string {
  if (!target.startsWith('/')) return '(not a path)';
  const query = target.indexOf('?');
  return target.slice(0, query < 0 ? maxTextLength : Math.min(query, maxTextLength));
}
