import { digestOf, type Digest } from '../../src/chart/digest.ts';
import { Fault } from '../../src/chart/fault.ts';
import { openEngine, pass, storeGone, watchedStore, type TestEngine } from '../support/engine.ts';
import { FakeUpstream, unreachable } from '../support/fake-upstream.ts';
import { pull } from '../support/pulled-image.ts';

const demo = { repository: 'all', chart: 'demo' };
export const versions = ['1.0.0', '1.1.0'] as const;
const signatureOf = (version: string) => Buffer.from(`-----BEGIN PGP SIGNED MESSAGE-----\n\n${version}\n`);

/** Something that happens at one of the servers, maybe to one version. */
export interface Step {
  readonly do: (typeof everyStep)[number];
  readonly at: 0 | 1;
  readonly version: (typeof versions)[number];
}

/** What can happen; what matters more, more often. */
export const everyStep = [
  ...(['tag', 'tag', 'tag', 'digest', 'digest', 'archive', 'provenance', 'sign'] as const),
  ...(['commit', 'restart', 'pass', 'cut', 'mend', 'down', 'up'] as const),
] as const;

/** What a chart is called once it has that provenance, or none. */
const nameOf = (version: string, layers: ReadonlyMap<string, Buffer>) =>
  `${version} ${[...layers.values()].map(digestOf).join(' ')}`;

/** Two servers on one store, of which anything may happen to each, and everything that either of them ever told. */
export class TwoServers {
  readonly upstream = new FakeUpstream();
  readonly store = watchedStore();
  readonly servers: TestEngine[] = [];
  /** What was not as it must be. */
  readonly wrong: string[] = [];
  readonly #told = new Map<Digest, string>();
  readonly #digests = new Map<string, Digest>();
  #isCut = false;

  async open(): Promise<void> {
    for (const version of versions) await this.upstream.publish('demo', version);
    for (const one of [0, 1] as const) {
      await this.#start(one);
      await this.servers[one]?.operator.sync('nexus');
    }
  }

  async #start(one: 0 | 1): Promise<void> {
    const clock = this.servers[one]?.clock;
    const options = { upstreams: { nexus: this.upstream }, store: this.store };
    this.servers[one] = await openEngine({ ...options, ...(clock && { clock }) });
  }

  async run({ do: what, at, version }: Step): Promise<void> {
    const server = this.servers[at];
    if (!server) throw new Error('there are two');
    const steps: Readonly<Record<Step['do'], () => Promise<unknown>>> = {
      tag: () => this.#tag(server, version),
      digest: () => this.#askForAll(server),
      archive: () => settle(server, server.archive('demo', version)),
      provenance: () => settle(server, server.provenance('demo', version)),
      commit: () => settle(server, server.engine.commit()),
      pass: () => pass(server.clock, 61_000, 1_000),
      restart: () => this.#restart(server, at),
      sign: async () => this.#sign(version),
      cut: async () => this.#cut(true),
      mend: async () => this.#cut(false),
      down: async () => (this.upstream.down = unreachable()),
      up: async () => (this.upstream.down = undefined),
    };
    await steps[what]();
  }

  /** What the store did not take is lost with the process. */
  async #restart(server: TestEngine, at: 0 | 1): Promise<void> {
    if (this.#isCut) return;
    await server.engine.stop();
    await this.#start(at);
  }

  #sign(version: string): void {
    this.upstream.rows = this.upstream.rows.map((row) =>
      row.version === version ? { ...row, provenance: signatureOf(version) } : row,
    );
  }

  #cut(isCut: boolean): void {
    this.#isCut = isCut;
    this.store.beforeWrite = isCut ? storeGone : undefined;
  }

  async #tag(server: TestEngine, version: string): Promise<void> {
    const pulled = await patiently(server, pull(server.images, demo, version)).catch(onlyFaults);
    if (!pulled) return;
    const name = nameOf(version, pulled.layers);
    this.#expect(this.#digests.get(name) ?? pulled.digest, pulled.digest, name);
    this.#digests.set(name, pulled.digest);
    // what was told while the store took nothing, another one need not know
    if (!this.#isCut) this.#told.set(pulled.digest, name);
    const again = await patiently(server, pull(server.images, demo, pulled.digest));
    this.#expect(pulled.digest, again.digest, name);
  }

  #expect(expected: string, found: string, of: string): void {
    if (found !== expected) this.wrong.push(`${of}: ${found} in place of ${expected}`);
  }

  async #askForAll(server: TestEngine): Promise<void> {
    for (const [digest, name] of this.#told) {
      const pulled = await patiently(server, pull(server.images, demo, digest));
      this.#expect(name, nameOf(name.split(' ')[0] ?? '', pulled.layers), digest);
    }
  }
}

/** The work's result, with time going by meanwhile. */
async function patiently<T>(server: TestEngine, work: Promise<T>): Promise<T> {
  let isDone = false;
  const done = work.finally(() => (isDone = true));
  done.catch(() => undefined);
  while (!isDone) await pass(server.clock, 1_000, 500);
  return done;
}

async function settle(server: TestEngine, work: Promise<unknown>): Promise<void> {
  await patiently(server, work).catch(onlyFaults);
}

function onlyFaults(error: unknown): undefined {
  if (!(error instanceof Fault) || error.code === 'not-found') throw error;
}
