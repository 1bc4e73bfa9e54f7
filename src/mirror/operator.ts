import { Fault } from '../chart/fault.ts';
import type { Operator, Readiness, Status, SyncReport } from './contract.ts';
import type { Engine } from './engine.ts';
import type { Known } from './known.ts';
import { faultReport, statusOf } from './status.ts';

export interface OperatorOptions {
  readonly version: string;
  readonly storeKind: string;
  /** What the store last answered with, when that was trouble. */
  readonly storeFault: () => Fault | undefined;
}

/** First attempts that hang must not keep a replica out of service for longer. */
const maxReadinessWaitMs = 60_000;

/** Looking behind, and changing: what the API and the commands may ask. */
export class EngineOperator implements Operator {
  readonly #engine: Engine;
  readonly #options: OperatorOptions;
  readonly #startedMs: number;
  #ready = false;

  constructor(engine: Engine, options: OperatorOptions) {
    this.#engine = engine;
    this.#options = options;
    this.#startedMs = engine.clock.elapsed();
  }

  status(): Status {
    const fault = this.#options.storeFault();
    return {
      version: this.#options.version,
      uptimeSeconds: Math.floor(this.#uptimeMs() / 1000),
      ready: this.readiness().ready,
      store: {
        kind: this.#options.storeKind,
        state: fault ? 'failing' : 'ok',
        ...(fault && { fault: faultReport(fault) }),
      },
      upstreams: this.#engine.known.map((known) => statusOf(known, this.#engine.served.contested(known))),
    };
  }

  /** Once ready, ready for good: an upstream's health must never take a replica out of service. */
  readiness(): Readiness {
    const waitingFor = this.#ready ? [] : this.#waitingFor();
    this.#ready ||= waitingFor.length === 0;
    const fault = this.#options.storeFault();
    return { ready: this.#ready, waitingFor, degraded: fault ? [`store: ${fault.message}`] : [] };
  }

  sync(upstream: string): Promise<SyncReport> {
    const known = this.#engine.known.find(({ name }) => name === upstream);
    if (known) return this.#engine.syncs.sync(known);
    const names = this.#engine.known.map(({ name }) => name).join(', ');
    throw new Fault('not-found', `There is no upstream ${upstream}.`, `Configured are: ${names}.`);
  }

  async settled(): Promise<{ readonly filled: number; readonly failed: number }> {
    await this.#engine.settled();
    return this.#engine.ahead.totals;
  }

  #waitingFor(): readonly string[] {
    if (!this.#engine.opened) return ['store'];
    if (this.#uptimeMs() >= maxReadinessWaitMs) return [];
    return this.#engine.known.filter((known) => !isSettled(known)).map(({ name }) => `upstream ${name}`);
  }

  #uptimeMs(): number {
    return this.#engine.clock.elapsed() - this.#startedMs;
  }
}

function isSettled(known: Known): boolean {
  return known.listed || known.attempts.failures > 0 || known.attempts.lastSuccessMs !== undefined;
}
