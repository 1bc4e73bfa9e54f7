import { isDeepStrictEqual } from 'node:util';

import { Fault } from './chart/fault.ts';
import type { Config } from './config/config.ts';
import type { Loaded } from './config/load.ts';
import { describeProblem } from './config/problem.ts';
import { needsRestart } from './config/restart.ts';
import { backoffMs } from './lib/backoff.ts';
import { timestamp, type Clock } from './lib/clock.ts';
import type { Log } from './lib/log.ts';
import type { ConfigurationStatus } from './mirror/contract/operator.ts';

export interface ReloadParts {
  /** What is served from when it begins. */
  readonly config: Config;
  readonly load: () => Promise<Loaded>;
  /** Has everything work by another configuration. Rejects, and changes nothing, when that is not possible now. */
  readonly apply: (config: Config) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Somebody asked for it and wants an answer in the log, or a file is another one by now. */
export type ReloadReason = 'asked' | 'changed';

const firstRetryMs = 2_000;
const maxRetryMs = 60_000;

/**
 * Loads the configuration again, once at a time. A bad one changes nothing and is told about; one that cannot be made ready
 * yet is tried again until it can, or the file is another one.
 */
export class Reloads {
  readonly #parts: ReloadParts;
  readonly #stop = new AbortController();
  #config: Config;
  #status: ConfigurationStatus;
  #wanted: ReloadReason | undefined;
  #news = new AbortController();
  #isRunning = false;

  constructor(parts: ReloadParts) {
    const { config, clock } = parts;
    this.#parts = parts;
    this.#config = config;
    this.#status = { file: config.file, loadedAt: timestamp(clock.now()), state: 'ok' };
  }

  /** What is served from now. */
  get config(): Config {
    return this.#config;
  }

  get status(): ConfigurationStatus {
    return this.#status;
  }

  /** Begins with it, or does it once more after the one that is under way, however often it was asked for meanwhile. */
  request(reason: ReloadReason): void {
    this.#wanted = this.#wanted === 'asked' ? 'asked' : reason;
    this.#news.abort();
    if (!this.#isRunning) void this.#run();
  }

  /** Begins with no other. */
  stop(): void {
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let failures = 0; this.#wanted && !this.#stop.signal.aborted;) {
      const reason = this.#wanted;
      this.#wanted = undefined;
      this.#news = new AbortController();
      failures = (await this.#reload(reason)) ? 0 : failures + 1;
      if (failures > 0) await this.#rest(reason, failures);
    }
    this.#isRunning = false;
  }

  /** Whether there is nothing more to do. */
  async #reload(reason: ReloadReason): Promise<boolean> {
    const { load, apply } = this.#parts;
    try {
      const loaded = await load();
      if ('problems' in loaded) {
        this.#refuse(reason, loaded.problems.map(describeProblem));
        return true;
      }
      await apply(loaded.config);
      this.#take(reason, loaded);
      return true;
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#postpone(error);
      return false;
    }
  }

  #take(reason: ReloadReason, { config, warnings }: Exclude<Loaded, { readonly problems: unknown }>): void {
    const { clock, log } = this.#parts;
    for (const warning of warnings) log.warn(describeProblem(warning));
    const before = this.#config;
    const waiting = needsRestart(this.#parts.config, config);
    this.#config = config;
    this.#status = {
      file: config.file,
      loadedAt: timestamp(clock.now()),
      state: 'ok',
      ...(waiting.length > 0 && { needsRestart: waiting }),
    };
    this.#tell(reason, before);
  }

  async #rest(reason: ReloadReason, failures: number): Promise<void> {
    const waitMs = firstRetryMs + backoffMs(failures, firstRetryMs, maxRetryMs);
    const signal = AbortSignal.any([this.#stop.signal, this.#news.signal]);
    await this.#parts.clock.sleep(waitMs, signal).catch(() => undefined);
    this.#wanted ??= reason;
  }

  #refuse(reason: ReloadReason, problems: readonly string[]): void {
    const { log } = this.#parts;
    const isTold = reason === 'changed' && isDeepStrictEqual(problems, this.#status.problems);
    this.#status = { ...this.#status, state: 'refused', problems };
    if (isTold) return;
    for (const problem of problems) log.error(problem);
    log.error({ problems: problems.length }, 'the configuration is bad: everything stays as it was loaded before');
  }

  #postpone(error: unknown): void {
    const { log } = this.#parts;
    const message = error instanceof Error ? error.message : String(error);
    const isTold = this.#status.problems?.[0] === message;
    this.#status = { ...this.#status, state: 'refused', problems: [message] };
    const details = error instanceof Fault ? { advice: error.advice } : { err: error };
    const what = 'the configuration cannot be made ready yet, and is tried again; everything stays as it was';
    log[isTold ? 'debug' : 'error'](details, `${what}: ${message}`);
  }

  #tell(reason: ReloadReason, before: Config): void {
    const { log } = this.#parts;
    const { needsRestart: waiting } = this.#status;
    if (isDeepStrictEqual(before, this.#config)) {
      log[reason === 'asked' ? 'info' : 'debug']('the configuration was loaded again: nothing changed');
      return;
    }
    const upstreams = differences(before.upstreams, this.#config.upstreams);
    const repositories = differences(before.repositories, this.#config.repositories);
    log.info({ upstreams, repositories, needsRestart: waiting }, 'the configuration was loaded again');
    if (waiting) log.warn(`take effect with the next start only: ${waiting.join(', ')}`);
  }
}

interface Named {
  readonly name: string;
}

/** Names of what was added, removed and changed; undefined when nothing was. */
function differences(before: readonly Named[], after: readonly Named[]) {
  const earlier = new Map(before.map((one) => [one.name, one]));
  const later = new Set(after.map(({ name }) => name));
  const added = after.filter(({ name }) => !earlier.has(name));
  const removed = before.filter(({ name }) => !later.has(name));
  const changed = after.filter((one) => earlier.has(one.name) && !isDeepStrictEqual(earlier.get(one.name), one));
  const lists = Object.entries({ added, removed, changed }).filter(([, list]) => list.length > 0);
  return lists.length > 0 ? Object.fromEntries(lists.map(([what, list]) => [what, list.map(nameOf)])) : undefined;
}

function nameOf({ name }: Named): string {
  return name;
}
