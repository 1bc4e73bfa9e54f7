import fc from 'fast-check';
import { expect, test } from 'vitest';

import { Fault } from '../../src/chart/fault.ts';
import { ManualClock } from '../support/clock.ts';
import { openEngine, pass, turn, watchedStore, type TestEngine } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { FakeJudge, requiring, signedBy } from '../support/verifying.ts';

const keys = ['alice', 'bob'] as const;
const versions = ['1.0.0', '2.0.0', '3.0.0'] as const;

const key = fc.constantFrom(...keys);
const version = fc.constantFrom(...versions);
const replica = fc.constantFrom(0, 1);

const steps = fc.oneof(
  fc.record({ does: fc.constant('publish' as const), version, by: fc.subarray([...keys]) }),
  fc.record({ does: fc.constant('sign' as const), version, by: fc.subarray([...keys], { minLength: 1 }) }),
  fc.record({ does: fc.constant('sync' as const), replica, settles: fc.boolean() }),
  fc.record({ does: fc.constant('use' as const), replica, key, waits: fc.boolean() }),
  fc.record({ does: fc.constant('restart' as const), replica }),
  fc.record({ does: fc.constant('ask' as const), replica, version, waits: fc.boolean() }),
  fc.record({ does: fc.constant('fill' as const), replica }),
  fc.record({ does: fc.constant('wait' as const), minutes: fc.constantFrom(0.2, 3, 11) }),
  fc.record({ does: fc.constant('trouble' as const), with: fc.constantFrom('nothing', 'upstream', 'judge') }),
);

type Step = typeof steps extends fc.Arbitrary<infer T> ? T : never;

interface Replica {
  chartroom: TestEngine;
  key: string;
}

/** Two servers on one store, which are configured one after the other. */
class World {
  /** What was given to clients, by the keys that counted then. */
  served = 0;
  readonly #upstream = new FakeUpstream();
  readonly #store = watchedStore();
  readonly #clock = new ManualClock();
  readonly #judge = new FakeJudge();
  readonly #replicas: Replica[] = [];
  readonly #pending: Promise<unknown>[] = [];

  async open(): Promise<this> {
    for (const name of ['one', 'other'])
      this.#replicas.push({ key: 'alice', chartroom: await this.#start('alice', name) });
    return this;
  }

  async take(step: Step): Promise<void> {
    switch (step.does) {
      case 'publish':
        if (this.#upstream.rows.some((row) => row.version === step.version)) return;
        await this.#upstream.publish('demo', step.version, provenanceBy(step.by));
        return;
      case 'sign':
        this.#upstream.rows = this.#upstream.rows.map((row) =>
          row.version === step.version && !row.provenance ? { ...row, ...provenanceBy(step.by) } : row,
        );
        return;
      case 'wait':
        return pass(this.#clock, step.minutes * 60_000, 30_000);
      case 'trouble':
        this.#upstream.down = step.with === 'upstream' ? unreachable() : undefined;
        this.#judge.before = step.with === 'judge' ? () => Promise.reject(new Error('died')) : undefined;
        return;
      default:
        return this.#takeAt(step);
    }
  }

  async #takeAt(step: Extract<Step, { readonly replica: number }>): Promise<void> {
    const one = this.#replicas[step.replica];
    if (!one) return;
    const { chartroom } = one;
    switch (step.does) {
      case 'sync':
        await chartroom.operator.sync('nexus').catch(() => undefined);
        if (step.settles) await chartroom.engine.settled();
        return;
      case 'fill':
        chartroom.engine.ahead.fill(chartroom.known('nexus'));
        return;
      case 'use':
        return this.#await(this.#use(one, step.key), step.waits);
      case 'restart':
        await chartroom.engine.stop();
        one.chartroom = await this.#start(one.key, String(step.replica));
        return;
      case 'ask':
        return this.#await(this.#ask(one, step.version), step.waits);
    }
  }

  /** Everything that is under way, and all that could be had then. */
  async end(): Promise<void> {
    this.#upstream.down = this.#judge.before = undefined;
    await Promise.all(this.#pending);
    for (const one of this.#replicas) for (const each of versions) await this.#ask(one, each);
    await Promise.all(this.#replicas.map(({ chartroom }) => chartroom.engine.stop()));
  }

  async #use(one: Replica, next: string): Promise<void> {
    await one.chartroom.reconfigure({ upstreams: this.#upstreams(next) });
    one.key = next;
  }

  async #ask(one: Replica, text: string): Promise<void> {
    const { chartroom, key: before } = one;
    for (const part of [chartroom.archive('demo', text), chartroom.provenance('demo', text)]) {
      const bytes = await part.catch(unlessFault);
      if (!bytes) continue;
      this.served += 1;
      const { provenance } = this.#upstream.rows.find((row) => row.version === text) ?? {};
      const signers = [...new Set([before, one.key])].filter((name) => provenance?.includes(name));
      if (signers.length === 0) throw new Error(`${text} left, which neither ${before} nor ${one.key} signed`);
    }
  }

  async #await(work: Promise<void>, waits: boolean): Promise<void> {
    this.#pending.push(work);
    // what is asked of a test that failed is told where it ends
    work.catch(() => undefined);
    await (waits ? work : turn());
  }

  #start(name: string, id: string): Promise<TestEngine> {
    const self = { id, host: id, pid: 1 };
    const { judge } = this.#judge;
    return openEngine({ upstreams: this.#upstreams(name), store: this.#store, clock: this.#clock, judge, self });
  }

  #upstreams(name: string) {
    return { nexus: { upstream: this.#upstream, mirror: 'all' as const, verify: requiring(name) } };
  }
}

function provenanceBy(names: readonly string[]) {
  return names.length > 0 ? { provenance: signedBy(...names) } : {};
}

function unlessFault(error: unknown): undefined {
  if (!(error instanceof Fault)) throw error;
  return undefined;
}

test('whatever happens in whatever order, what leaves under require is valid by the keys that count', async () => {
  let served = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 4, maxLength: 16 }), async (taken) => {
      const world = await new World().open();
      await world.take({ does: 'publish', version: '1.0.0', by: ['alice'] });
      await world.take({ does: 'sync', replica: 0, settles: false });
      for (const step of taken) await world.take(step);
      await world.end();
      served += world.served;
    }),
    { numRuns: 60 },
  );
  expect(served).toBeGreaterThan(60);
}, 60_000);
