import { parentPort, Worker, type TransferListItem } from 'node:worker_threads';

/** What a thread can do: pure functions by name. Inputs and results are structured clones. */
export type Jobs = Readonly<Record<string, (input: never) => unknown>>;

/** The thread ended under the work: out of memory, out of time, or broken. */
export class ThreadDied extends Error {
  override readonly name = 'ThreadDied';
}

interface Call {
  readonly question: Question;
  readonly transfer: readonly TransferListItem[];
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Question {
  readonly job: string;
  readonly input: never;
}

interface Reply {
  readonly value?: unknown;
  readonly error?: { readonly message: string; readonly details?: unknown };
}

/** How errors cross: `describe` in the thread, `revive` outside, undefined for those that are nothing special. */
export interface ThreadOptions {
  /** The module that calls `serveJobs`. */
  readonly module: URL;
  readonly maxHeapMiB: number;
  /** One piece of work may take this long once its turn came; then the thread is ended and begun anew. */
  readonly timeoutMs: number;
  readonly revive: (details: unknown) => Error;
}

/**
 * One worker thread, started when first needed and again after it died. It gets one piece of work at a time, in order of
 * arrival: what kills it takes nothing else with it.
 */
export class Thread<J extends Jobs> {
  readonly #options: ThreadOptions;
  readonly #waiting: Call[] = [];
  #running: { readonly call: Call; readonly timer: NodeJS.Timeout } | undefined;
  #worker: Worker | undefined;
  #closed = false;

  constructor(options: ThreadOptions) {
    this.#options = options;
  }

  /**
   * Runs a job. Rejects with what the job threw, with `ThreadDied`, or with why the input cannot cross. The input is
   * read when its turn comes: leave it alone until the answer. Buffers in `transfer` move then instead of being copied
   * and are unusable afterwards; shared memory is shared.
   */
  run<K extends keyof J & string>(
    job: K,
    input: Parameters<J[K]>[0],
    transfer: readonly TransferListItem[] = [],
  ): Promise<Awaited<ReturnType<J[K]>>> {
    if (this.#closed) return Promise.reject(new ThreadDied('the worker thread was closed'));
    return new Promise((resolve, reject) => {
      const question = { job, input: input as never };
      this.#waiting.push({ question, transfer, resolve: resolve as (value: unknown) => void, reject });
      this.#next();
    });
  }

  /** Ends the thread; work under way and waiting is rejected, and so is what comes later. */
  async close(): Promise<void> {
    this.#closed = true;
    const died = new ThreadDied('the worker thread was closed');
    for (const call of this.#waiting.splice(0)) call.reject(died);
    this.#finish()?.reject(died);
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(this.#options.module, {
      resourceLimits: { maxOldGenerationSizeMb: this.#options.maxHeapMiB, maxYoungGenerationSizeMb: 16 },
    });
    worker.unref();
    worker.on('message', (reply: Reply) => this.#settle(worker, reply));
    worker.on('error', (error) => this.#abandon(worker, error.message));
    worker.on('exit', () => this.#abandon(worker, 'ended'));
    return worker;
  }

  #next(): void {
    const call = this.#running ? undefined : this.#waiting.shift();
    if (!call) return;
    const { timeoutMs } = this.#options;
    const worker = (this.#worker ??= this.#start());
    const timer = setTimeout(() => this.#abandon(worker, `took longer than ${timeoutMs} ms`), timeoutMs);
    this.#running = { call, timer };
    try {
      worker.postMessage(call.question, call.transfer);
    } catch (error) {
      // what cannot be cloned never arrives
      this.#finish()?.reject(error);
      this.#next();
    }
  }

  /** Takes the running call off the thread. */
  #finish(): Call | undefined {
    const running = this.#running;
    this.#running = undefined;
    if (running) clearTimeout(running.timer);
    return running?.call;
  }

  #settle(worker: Worker, { value, error }: Reply): void {
    if (this.#worker !== worker) return;
    const call = this.#finish();
    if (!error) call?.resolve(value);
    else call?.reject(error.details === undefined ? new Error(error.message) : this.#options.revive(error.details));
    this.#next();
  }

  #abandon(worker: Worker, why: string): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    void worker.terminate();
    this.#finish()?.reject(new ThreadDied(`the worker thread ${why}`));
    this.#next();
  }
}

/** Answers a `Thread` from inside its module. `describe` gives the details of an error that must keep its class. */
export function serveJobs(
  jobs: Jobs,
  describe: (error: unknown) => unknown,
  transferOf: (value: unknown) => readonly TransferListItem[] = () => [],
): void {
  const port = parentPort;
  if (!port) throw new Error('this module runs in a worker thread only');
  const answer = async ({ job, input }: Question): Promise<void> => {
    try {
      const value = await jobs[job]?.(input);
      port.postMessage({ value } satisfies Reply, [...transferOf(value)]);
    } catch (error) {
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      port.postMessage({ error: { message, details: describe(error) } } satisfies Reply);
    }
  };
  port.on('message', (question: Question) => void answer(question));
}
