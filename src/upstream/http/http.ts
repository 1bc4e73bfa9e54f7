import type { IncomingHttpHeaders } from 'node:http';

import type { Allowance } from '../contract.ts';

/** One request to an upstream. Credentials are the client's business, never the caller's. */
export interface HttpRequest {
  readonly url: URL;
  readonly method?: 'GET' | 'HEAD' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** False: a redirect is the answer. */
  readonly follow?: false | undefined;
  readonly signal: AbortSignal;
}

/**
 * Why whoever answered was not told who we are: there is nothing to tell; it is not among those who are told; it would be,
 * did our url have its scheme.
 */
export type Untold = 'anonymous' | 'elsewhere' | 'upgraded';

/** An answer whatever its status, redirects already followed unless the request says otherwise. The body must be consumed or dumped. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Where the answer came from after redirects. */
  readonly url: URL;
  /** Absent where it was told who we are. */
  readonly untold?: Untold | undefined;
  /** Whether the end of the body can be told from a cut connection: Content-Length or chunked. */
  readonly framed: boolean;
  readonly contentLength: number | undefined;
  /** How long the server asks to be left alone, from `Retry-After` in any of its spellings. */
  readonly retryAfterMs: number | undefined;
  /** Raw bytes, never decompressed. Iterating throws a `Fault` when the body is cut, stalls or exceeds the deadline. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Reads and forgets the rest of a small body, or drops the connection for a large one. Never rejects. */
  dump(): Promise<void>;
}

/** Speaks HTTP to one upstream and whatever hosts it redirects to. Throws a `Fault` that names the upstream when there is no answer. */
export interface HttpClient {
  /** Waits for the upstream's next turn, which lasts until the body was consumed or dumped: never ask while holding one. */
  request(request: HttpRequest): Promise<HttpAnswer>;
  /** What the upstream's answers say is left of its rate limit, as `Upstream` promises it. */
  allowance(): Allowance | undefined;
  /** Closes idle connections; requests under way end with a fault. */
  close(): Promise<void>;
}
