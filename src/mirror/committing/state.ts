import type { Validator } from '../../chart/claim.ts';
import type { Digest } from '../../chart/digest.ts';

/** What `state.json` says of one upstream. */
export interface UpstreamRecord {
  /** When it was configured: RFC 3339. */
  readonly since: string;
  readonly catalog?: Digest | undefined;
  readonly snapshot?: Digest | undefined;
  /** Where the listing that made the catalog came from, without user info and query. */
  readonly url?: string | undefined;
  /** Of the listing that made the catalog. */
  readonly validator?: Validator | undefined;
  /** When the catalog last changed by a listing: RFC 3339. */
  readonly listedAt?: string | undefined;
  /** Rows of that listing that were dropped, by reason. */
  readonly rejected?: Readonly<Record<string, number>> | undefined;
}

/** The one object that moves everything. Everything offered follows from what it names. */
export interface State {
  readonly asOf: string;
  readonly upstreams: Readonly<Record<string, UpstreamRecord>>;
}

/** Reads `state.json`. Throws a plain error for anything that is not one. */
export function parseState(value: unknown): State {
  const state = value as Partial<State> | null;
  if (typeof state !== 'object' || state === null || typeof state.upstreams !== 'object') {
    throw new Error('it has no upstreams');
  }
  return { asOf: String(state.asOf), upstreams: state.upstreams };
}

/** What the state says of an upstream, whatever it is called. */
export function recordOf({ upstreams }: State, name: string): UpstreamRecord | undefined {
  return Object.hasOwn(upstreams, name) ? upstreams[name] : undefined;
}

/** The state with one upstream's record changed. */
export function withUpstream(state: State, name: string, record: UpstreamRecord): State {
  return { ...state, upstreams: { ...state.upstreams, [name]: record } };
}
