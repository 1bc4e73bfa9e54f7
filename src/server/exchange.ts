import { ServerResponse, type IncomingMessage } from 'node:http';

/** What a request was for: the only thing about its path that becomes a metric label. */
export const doors = [
  'index',
  'archive',
  'provenance',
  'manifest',
  'blob',
  'tags',
  'referrers',
  'registry',
  'api',
  'operations',
  'welcome',
  'other',
] as const;

export type Door = (typeof doors)[number];

/** An answer that carries what its handler noted about it, for the access log and the metrics. */
export class Exchange extends ServerResponse {
  door: Door = 'other';
  repository: string | undefined = undefined;
  chart: string | undefined = undefined;
  version: string | undefined = undefined;
  /** The bytes of the body it was given. */
  bodyBytes = 0;

  /** The status its client saw; 499 when the client left before it was told one. */
  get seenStatus(): number {
    return this.headersSent ? this.statusCode : 499;
  }
}

/** What a handler finds in `c.env`, and the shape of every Hono application here. */
export interface ServerEnv {
  readonly Bindings: { readonly incoming: IncomingMessage; readonly outgoing: Exchange };
}
