import { digestOf, hexOf } from '../../src/chart/digest.ts';
import { Fault } from '../../src/chart/fault.ts';
import { openDoors, type OpenDoors } from '../server/open-doors.ts';
import { chartArchive } from '../support/charts.ts';
import { ManualClock } from '../support/clock.ts';
import {
  openEngine,
  pass,
  turn,
  watchedStore,
  type EngineOptions,
  type TestEngine,
  type TestRepository,
  type TestUpstream,
} from '../support/engine.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';

type Settings = Partial<Exclude<TestUpstream, FakeUpstream>>;

/** What an upstream is, and by what it is configured. */
export interface Listed {
  /** Such as `corp-app 1.0.0`. */
  readonly has?: readonly string[];
  readonly kind?: 'chart-repository' | 'registry';
  readonly settings?: Omit<Settings, 'upstream'>;
}

/** What whoever asks for a version gets on every door. */
export interface Answers {
  /** Whose archive it is, else the status. */
  readonly archive: string | number;
  /** Whose archive `HEAD` promises, else the status. */
  readonly head: string | number;
  /** Whose provenance file it is, else the status. */
  readonly provenance: string | number;
  /** Whose versions of the chart the index has. */
  readonly listed: readonly string[];
  /** Who was asked for bytes. */
  readonly opened: readonly string[];
}

/**
 * Some upstreams that list the same names, and real doors before them. Each upstream's archives, and the signatures
 * beside them, are its own and can be told apart.
 */
export class ConfusionWorld {
  readonly clock = new ManualClock();
  readonly store = watchedStore();
  readonly upstreams = new Map<string, FakeUpstream>();
  readonly #listed: Readonly<Record<string, Listed>>;
  readonly #whose = new Map<string, string>();
  #chartroom: TestEngine | undefined;
  #doors: OpenDoors | undefined;

  private constructor(listed: Readonly<Record<string, Listed>>) {
    this.#listed = listed;
  }

  /** Nothing is configured yet. */
  static async of(listed: Readonly<Record<string, Listed>>): Promise<ConfusionWorld> {
    const world = new ConfusionWorld(listed);
    for (const [name, { has = [], kind }] of Object.entries(listed)) {
      world.upstreams.set(name, new FakeUpstream(kind));
      for (const one of has) await world.publish(name, one);
    }
    return world;
  }

  upstream(name: string): FakeUpstream {
    const found = this.upstreams.get(name);
    if (!found) throw new Error(`there is no upstream ${name}`);
    return found;
  }

  get chartroom(): TestEngine {
    if (!this.#chartroom) throw new Error('nothing is configured yet');
    return this.#chartroom;
  }

  /** An upstream has another version from now on, or other bytes of the same one. */
  async publish(upstream: string, what: string, edition = 'first'): Promise<void> {
    const [chart = '', version = ''] = what.split(' ');
    const archive = await chartArchive({ name: chart, version, description: `${edition} bytes of ${upstream}` });
    const provenance = Buffer.from(`-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n${edition} by ${upstream}\n`);
    const owner = edition === 'first' ? upstream : `${edition} ${upstream}`;
    for (const bytes of [archive, provenance]) this.#whose.set(hexOf(digestOf(bytes)), owner);
    this.upstream(upstream).withdraw(chart, version);
    await this.upstream(upstream).publish(chart, version, { archive, provenance });
  }

  /** Configures these upstreams in this order, the first time or anew, with nobody listed because of that. */
  async configure(names: readonly string[], rules: TestRepository = {}, more: Settings = {}): Promise<void> {
    const options = this.#optionsOf(names, rules, more);
    if (this.#chartroom) return this.#chartroom.reconfigure(options);
    await this.start(names, rules, more);
  }

  /** The same with a process of its own, which knows what is in the store. */
  async start(names: readonly string[], rules: TestRepository = {}, more: Settings = {}): Promise<void> {
    await this.#chartroom?.engine.stop();
    const options = this.#optionsOf(names, rules, more);
    this.#chartroom = await openEngine({ ...options, store: this.store, clock: this.clock });
    this.#doors = await openDoors({ mirror: this.#chartroom.reader, provenances: this.#chartroom.reader });
  }

  #optionsOf(names: readonly string[], rules: TestRepository, more: Settings): EngineOptions {
    const upstreams = names.map((name) => {
      const settings = this.#listed[name]?.settings;
      const type = this.#listed[name]?.kind ?? 'chart-repository';
      return [name, { type, ...settings, ...more, upstream: this.upstream(name) }] as const;
    });
    return { upstreams: Object.fromEntries(upstreams), repositories: { all: { root: true, ...rules } } };
  }

  /** Lists upstreams, one after the other; those that are down stay as they are. */
  async sync(...names: readonly string[]): Promise<void> {
    for (const name of names) await this.chartroom.operator.sync(name).catch(onlyFaults);
    await turn();
  }

  /** An upstream answers with a fault from now on, or, without one, as usual. */
  fail(name: string, fault?: Fault): void {
    this.upstream(name).down = fault;
  }

  async later(ms: number): Promise<void> {
    await pass(this.clock, ms, Math.max(500, ms / 10));
  }

  /** Has it fetched, so that it is held from now on. */
  async hold(what: string): Promise<void> {
    const { archive } = await this.ask(what);
    if (typeof archive === 'number') throw new Error(`${what} was to be held, and the answer was ${archive}`);
    await this.chartroom.operator.settled();
  }

  /** A raw path on the doors: whose bytes come back, else the status. */
  async path(path: string, method = 'GET'): Promise<string | number> {
    if (!this.#doors) throw new Error('nothing is configured yet');
    // what was asked a moment ago is not asked again at once
    await this.later(10_000);
    const { status, body, headers } = await this.#doors.ask(path, { method });
    if (status !== 200) return status;
    const hex = method === 'HEAD' ? (headers.etag ?? '').replaceAll('"', '') : hexOf(digestOf(body));
    return this.#whose.get(hex) ?? `unknown bytes (${hex})`;
  }

  /** Asks for a version on every door. */
  async ask(what: string): Promise<Answers> {
    const [chart = '', version = ''] = what.split(' ');
    for (const upstream of this.upstreams.values()) upstream.calls.length = 0;
    const file = `/charts/${chart}/${chart}-${version}.tgz`;
    const [archive, head] = [await this.path(file), await this.path(file, 'HEAD')];
    const provenance = await this.path(`${file}.prov`);
    const opened = [...this.upstreams].filter(([, { calls }]) => calls.some((call) => call.startsWith('open')));
    return { archive, head, provenance, listed: this.#listedOf(chart), opened: opened.map(([name]) => name) };
  }

  #listedOf(chart: string): readonly string[] {
    const rows = this.#rows(chart).map(({ digest = 'none' }) => this.#whose.get(digest) ?? `unknown (${digest})`);
    return [...new Set(rows)];
  }

  #rows(chart: string): ReturnType<TestEngine['rows']> {
    try {
      return this.chartroom.rows(chart);
    } catch (error) {
      onlyFaults(error);
      return [];
    }
  }
}

function onlyFaults(error: unknown): void {
  if (!(error instanceof Fault)) throw error;
}
