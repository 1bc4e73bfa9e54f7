import { gunzipSync, gzipSync } from 'node:zlib';

import { digestOf } from '../../src/chart/digest.ts';
import { deriveConfig, deriveManifest } from '../../src/formats/derived-image.ts';
import { chartArchive } from '../support/charts.ts';
import { openEngine, pass, watchedStore, type TestEngine, type TestRepository } from '../support/engine.ts';
import { FakeUpstream, type Row } from '../support/fake-upstream.ts';
import type { Hiding, Whereabouts } from './hidden-cases.ts';
import type { Digests, Target } from './hidden-doors.ts';

/** Stands in every part of the hidden version, readable. */
export const canary = 'CANARY-OF-WHAT-IS-HIDDEN';
const old = '2025-01-01T00:00:00Z';

export type Kind = 'chart-repository' | 'registry';

/** Two upstreams, `outside` with what is to be hidden beside what is not, `inside` first in order. */
export class World {
  readonly outside: FakeUpstream;
  readonly inside: FakeUpstream;
  readonly store = watchedStore();
  readonly hiding: Hiding;
  readonly kind: Kind;
  target!: Target;

  constructor(kind: Kind, hiding: Hiding) {
    this.kind = kind;
    this.hiding = hiding;
    this.outside = new FakeUpstream(kind);
    this.inside = new FakeUpstream(kind);
  }

  async make(): Promise<Row> {
    const { version = '1.0.0', metadata = {} } = this.hiding;
    const described = { description: canary, ...metadata };
    // not compressed, so that it can be read
    const packed = await chartArchive({ name: 'demo', version, ...described }, { 'README.md': canary });
    const archive = gzipSync(gunzipSync(packed), { level: 0 });
    const provenance = Buffer.from(`-----BEGIN PGP SIGNED MESSAGE-----\n${canary}\n`);
    const row = await this.outside.publish('demo', version, { archive, provenance, metadata: described });
    const named = { archive: digestOf(archive), provenance: digestOf(provenance) };
    const image = this.kind === 'registry' ? verbatim(row) : derived(archive, provenance);
    this.target = { chart: 'demo', version, archive, provenance, digests: { ...named, ...image } };
    this.outside.withdraw('demo', version);
    await this.outside.publish('other', '1.0.0', { created: old });
    await this.inside.publish('more', '1.0.0', { created: old });
    if (this.hiding.isInside) await this.inside.publish('demo', '3.0.0', { created: old });
    return row;
  }

  options(isHidden: boolean) {
    const { rules, settings } = this.hiding;
    const all: TestRepository = { root: true, ...(isHidden && rules?.(this.target.digests)) };
    const outside = { upstream: this.outside, type: this.kind, ...(isHidden && settings) };
    const upstreams = { inside: { upstream: this.inside, type: this.kind }, outside };
    return { upstreams, repositories: { all }, store: this.store };
  }

  /** With rules that hide it, and its version where it is to be. */
  async open(whereabouts: Whereabouts): Promise<TestEngine> {
    const row = await this.make();
    const before = await openEngine(this.options(false));
    if (whereabouts === 'found by name') await sync(before);
    else await this.#list(before, row);
    if (whereabouts === 'in memory' || whereabouts === 'in the store') await this.#hold(before);
    if (this.hiding.isWithdrawn) await this.#withdraw(before, row);
    if (whereabouts === 'found by name') this.outside.rows.push(row);
    const after = await this.#hide(before, whereabouts);
    this.outside.calls.length = 0;
    return after;
  }

  async #list(chartroom: TestEngine, row: Row): Promise<void> {
    // whoever lists the name first owns it
    if (this.hiding.isInside) await sync(chartroom);
    this.outside.rows.push(row);
    await sync(chartroom);
  }

  async #hold(chartroom: TestEngine): Promise<void> {
    const { chart, version } = this.target;
    await chartroom.reconfigure({ ...this.options(false), repositories: { all: { upstreams: ['outside'] } } });
    await chartroom.archive(chart, version);
    await chartroom.provenance(chart, version);
    await chartroom.images.tagged({ repository: 'all', chart }, version);
  }

  async #withdraw(chartroom: TestEngine, { chart, version }: Row): Promise<void> {
    this.outside.withdraw(chart, version);
    for (let times = 0; times < 3; times += 1) await sync(chartroom);
  }

  /** By a reload, with everything in memory, or by a restart. */
  async #hide(chartroom: TestEngine, whereabouts: Whereabouts): Promise<TestEngine> {
    if (whereabouts === 'in memory') {
      await chartroom.reconfigure(this.options(true));
      return chartroom;
    }
    await chartroom.engine.stop();
    return openEngine({ ...this.options(true), clock: chartroom.clock });
  }
}

async function sync(chartroom: TestEngine): Promise<void> {
  for (const name of ['inside', 'outside']) await chartroom.operator.sync(name);
  await pass(chartroom.clock, 20_000, 10_000);
}

/** As the fake registry has them. */
function verbatim({ source, digest }: Row): Pick<Digests, 'manifest' | 'config'> {
  return {
    manifest: digestOf(Buffer.from(`{"manifest":"${source}","layer":"${digest}"}`)),
    config: digestOf(Buffer.from(`{"config":"${source}"}`)),
  };
}

function derived(archive: Buffer, provenance: Buffer): Pick<Digests, 'manifest' | 'config'> {
  const config = deriveConfig(archive);
  const measured = (bytes: Buffer) => ({ digest: digestOf(bytes), size: bytes.length });
  const layers = { archive: measured(archive), provenance: measured(provenance) };
  return { manifest: digestOf(Buffer.from(deriveManifest(config, layers))), config: digestOf(Buffer.from(config)) };
}
