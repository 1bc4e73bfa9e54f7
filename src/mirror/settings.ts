import type { MirrorPolicy } from '../chart/survey.ts';
import type { Upstream } from '../upstream/contract.ts';

/** One upstream as the mirror works with it: the adapter and what the configuration says about it. */
export interface UpstreamSettings {
  readonly name: string;
  readonly type: string;
  /** Without user info and query, for the status. */
  readonly url: string;
  readonly upstream: Upstream;
  /** 0: one sync when nothing is known yet, then by hand only. */
  readonly intervalMs: number;
  readonly mirror: MirrorPolicy;
  /** Fetches and descriptions at once. */
  readonly concurrency: number;
  /** Attempts at one listing or chart before it waits for its next turn. */
  readonly retries: number;
  readonly maxArchiveBytes: number;
  /** A registry that cannot be listed: nothing there is no fault. */
  readonly unlisted: boolean;
  /** Names and globs of the charts it may offer, as `nameFilter` reads them. */
  readonly charts: readonly string[];
}
