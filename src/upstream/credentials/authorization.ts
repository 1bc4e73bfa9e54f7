import type { HttpAnswer } from '../http.ts';

/** What proves who we are: header fields of one request. */
export type Presented = Readonly<Record<string, string>>;

/**
 * Asks a token service, redirects followed. `headersFor` is called for each hop and may throw a `Fault` to refuse it;
 * `trusted` is false once a hop has left the first origin. Does not end when one of the requests that wait for it does.
 */
export type Exchange = (
  method: 'GET',
  url: URL,
  headersFor: (url: URL, trusted: boolean) => Presented,
) => Promise<HttpAnswer>;

/** A request to the upstream's own origin that is about to be sent. */
export interface AuthorizedRequest {
  readonly url: URL;
  readonly exchange: Exchange;
  readonly signal: AbortSignal;
}

/** A 401 that came back. */
export interface Challenge {
  /** What was sent with the request that was refused. */
  readonly presented: Presented;
  readonly wwwAuthenticate: string | readonly string[] | undefined;
  /** 0 for the first 401 of a request. */
  readonly round: number;
}

/** How one upstream is authenticated to. What it presents only ever goes to the upstream's own origin. */
export interface Authorization {
  /** What to send at first. Faults with 'unauthorized' when a configured credential cannot be read. */
  present(request: AuthorizedRequest): Promise<Presented>;
  /** What to send instead after a 401; undefined when there is nothing better, and the 401 stands. */
  answer(request: AuthorizedRequest, challenge: Challenge): Promise<Presented | undefined>;
}
