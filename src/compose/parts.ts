import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Thread } from '../lib/thread.ts';
import type { Upstream } from '../upstream/contract.ts';
import type { UpstreamLimits } from '../upstream/http/limits.ts';
import type { SecureContexts } from '../upstream/http/tls.ts';
import type { WorkerJobs } from '../worker.ts';

/** A thread that can do all of our work. */
export type WorkerThread = Thread<WorkerJobs>;

/** What keeps connections until it is closed. */
export interface Closable {
  close(): Promise<void>;
}

/** What upstreams are made of. */
export interface UpstreamParts {
  readonly clock: Clock;
  readonly log: Log;
  /** Of Chartroom. */
  readonly version: string;
  readonly catalogs: WorkerThread;
  readonly archives: WorkerThread;
  /** Certificates that several upstreams trust are kept once. */
  readonly contexts: SecureContexts;
  /** What is opened is added here. */
  readonly clients: Set<Closable>;
}

/** The same for an upstream that is reached over a network. */
export interface RemoteParts extends UpstreamParts {
  /** What all clients of one upstream share. */
  readonly limits: UpstreamLimits;
}

/** An adapter, and what authenticated it last in words: `anonymous`, `user name and password`. */
export interface Opened {
  readonly upstream: Upstream;
  readonly authenticatedBy: () => string;
}
