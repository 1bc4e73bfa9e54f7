import { setImmediate as breathe } from 'node:timers/promises';

import { Fault } from '../chart/fault.ts';
import { isChartName } from '../chart/names.ts';
import { isChartVersion } from '../chart/version.ts';
import type { Explainer, ExplainQuery, Explanation } from './contract/explain.ts';
import type { Engine } from './engine.ts';
import { nearestNames, nearestVersions, versionsOffered } from './explain/near.ts';
import { repositoryWord } from './explain/repository-word.ts';
import { upstreamWord } from './explain/upstream-word.ts';
import type { Served } from './offering/served.ts';

/** Says why, from what is served now: by the selection that the doors ask, so it says what they do. */
export class EngineExplainer implements Explainer {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async explain({ repository, chart, version }: ExplainQuery): Promise<Explanation> {
    requireNames(chart, version);
    const served = this.#asked(repository);
    const members = new Set(served.flatMap(({ settings }) => settings.upstreams));
    const known = this.#engine.known.filter(({ name }) => members.has(name));
    const { blobs, clock } = this.#engine;
    const question = { chart, version, blobs, nowMs: clock.now() };
    const upstreams = await oneByOne(known, (one) => upstreamWord(one, chart, version));
    const repositories = await oneByOne(served, (one) => repositoryWord(one, question));
    const near = async (): Promise<readonly string[]> => {
      if (upstreams.some(({ lists }) => lists)) return [];
      const isChart = upstreams.some(({ versions }) => versions > 0);
      if (!isChart || version === undefined) return nearestNames(served, chart);
      return nearestVersions((await oneByOne(served, (one) => versionsOffered(one, chart))).flat(), version);
    };
    return { chart, ...(version !== undefined && { version }), upstreams, repositories, nearest: await near() };
  }

  #asked(repository: string | undefined): readonly Served[] {
    const { repositories } = this.#engine;
    return repository === undefined ? repositories.all : [repositories.find(repository)];
  }
}

/** With a turn for others between any two: a chart may have thousands of versions. */
async function oneByOne<T, R>(all: readonly T[], work: (one: T) => R): Promise<readonly R[]> {
  const done: R[] = [];
  for (const one of all) {
    await breathe();
    done.push(work(one));
  }
  return done;
}

function requireNames(chart: string, version: string | undefined): void {
  if (!isChartName(chart)) {
    const advice = 'A name has letters, digits, dots, dashes and underscores, and begins with a letter or a digit.';
    throw new Fault('bad-request', `${JSON.stringify(chart)} cannot be the name of a chart.`, advice);
  }
  if (version !== undefined && !isChartVersion(version)) {
    const advice = 'Name one version, such as 1.2.3, as helm search repo --versions shows it.';
    throw new Fault('bad-request', `${JSON.stringify(version)} cannot be the version of a chart.`, advice);
  }
}
