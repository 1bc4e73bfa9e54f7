import type { HttpAnswer } from '../http/http.ts';

/** What proves who we are: header fields of one request. */
export type Presented = Readonly<Record<string, string>>;

/** A question to a token service. */
export interface TokenQuestion {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  /** Of a POST: `application/x-www-form-urlencoded`. */
  readonly body?: string;
}

/**
 * Asks a token service, redirects followed. `headersFor` is called for each hop and may throw a `Fault` to refuse it;
 * `trusted` is false once a hop has left the first origin. Does not end when one of the requests that wait for it does.
 */
export type Exchange = (
  question: TokenQuestion,
  headersFor: (url: URL, trusted: boolean) => Presented,
) => Promise<HttpAnswer>;

/** A request to an origin that receives credentials, about to be sent. */
export interface AuthorizedRequest {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly url: URL;
  /** What is sent besides, for whoever signs requests. */
  readonly headers: Readonly<Record<string, string>>;
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

/** How one upstream is authenticated to. It is only ever asked for requests to origins that receive credentials. */
export interface Authorization {
  /** What to send at first. Faults with 'unauthorized' when a configured credential cannot be read. */
  present(request: AuthorizedRequest): Promise<Presented>;
  /** What to send instead after a 401; undefined when there is nothing better, and the 401 stands. */
  answer(request: AuthorizedRequest, challenge: Challenge): Promise<Presented | undefined>;
  /** For people, without secrets: what authenticated last, such as `user name and password, token of auth.docker.io`. */
  describe(): string;
  /** Whether there was nobody to be, when it was asked last. */
  isAnonymous(): boolean;
}
