/**
 * Every step in which something is written to a store or removed from it, in the order in which they have their turns:
 * after a death that leaves the lease in doubt come those that need none.
 */
export const steps = [
  'temporary file',
  'claim on state.json',
  'claim on lease.json',
  'blob',
  'lease.json',
  'holding',
  'replacement',
  'attachment',
  'catalog',
  'snapshot',
  'state.json',
  'sweep of a blob',
  'sweep of a table',
  'putting back',
  'tidying up',
] as const;

export type KillStep = (typeof steps)[number];

/** A bucket knows no files and no claims. */
const diskSteps: ReadonlySet<KillStep> = new Set(steps.slice(0, 3));

/** In flight: begun, and whether it happened nobody will know. */
export const moments = ['before', 'in flight', 'after'] as const;

export type KillMoment = (typeof moments)[number];

/** At which of its writes a process is to die. */
export interface KillOrder {
  readonly step: KillStep;
  readonly moment: KillMoment;
  /** How many of these writes go well. */
  readonly skip: number;
  /** Whether it counts, and there is news, only once clients have looked at everything; else from the start. */
  readonly settled: boolean;
}

/** These are taken once in the life of a server that is killed soon. */
const singleSteps: ReadonlySet<KillStep> = new Set([
  'claim on lease.json',
  'lease.json',
  'replacement',
  'putting back',
]);

/** What has to be hit in a number of rounds: each step equally often, the two stores together. */
export function goalOf(rounds: number): number {
  return Math.ceil(rounds / steps.length);
}

/**
 * The orders for one of the two stores, in turn; what both have is divided between them. Each turn begins with none: a
 * process that dies at any time.
 */
export function ordersFor(store: 'disk' | 'bucket', rounds: number): readonly (KillOrder | undefined)[] {
  const goal = goalOf(rounds);
  const shares = steps.map((step, at) => shareOf(step, store, goal, at));
  const turns = Array.from({ length: Math.max(...shares) }, (_, turn) => turn);
  return turns.flatMap((turn) => [
    undefined,
    ...steps.filter((_, at) => turn < (shares[at] ?? 0)).map((step) => orderOf(step, store, turn)),
  ]);
}

/** In turn before, in flight and after, at the first of these writes or the second, and in a settled process or not. */
function orderOf(step: KillStep, store: 'disk' | 'bucket', turn: number): KillOrder {
  const place = turn + steps.indexOf(step) + (store === 'disk' ? 0 : 1);
  const moment = moments[place % moments.length] ?? 'before';
  return { step, moment, skip: singleSteps.has(step) ? 0 : turn % 2, settled: turn % 4 < 2 };
}

function shareOf(step: KillStep, store: 'disk' | 'bucket', goal: number, at: number): number {
  if (diskSteps.has(step)) return store === 'disk' ? goal : 0;
  const onDisk = Math.floor((goal + (at % 2)) / 2);
  return store === 'disk' ? onDisk : goal - onDisk;
}

/** How often a process died at which step, and when in it. */
export class Histogram {
  readonly #hits = new Map<string, number>();

  add(step: string, moment: string): void {
    const key = `${step}\t${moment}`;
    this.#hits.set(key, (this.#hits.get(key) ?? 0) + 1);
  }

  addAll(other: Histogram): void {
    for (const [key, count] of other.#hits) this.#hits.set(key, (this.#hits.get(key) ?? 0) + count);
  }

  of(step: string): number {
    return moments.reduce((sum, moment) => sum + (this.#hits.get(`${step}\t${moment}`) ?? 0), 0);
  }

  /** One line for each step: how often in all, and before, in flight and after. */
  toString(): string {
    const lines = steps.map((step) => {
      const counts = moments.map((moment) => `${this.#hits.get(`${step}\t${moment}`) ?? 0} ${moment}`);
      return `  ${step.padEnd(20)} ${String(this.of(step)).padStart(3)}: ${counts.join(', ')}`;
    });
    return lines.join('\n');
  }
}
