import type { Clock } from '../../lib/clock.ts';
import type { ObjectStore } from '../../store/contract.ts';
import { requireLayout, stateKey } from '../../store/layout.ts';
import { readRecord } from '../../store/records.ts';
import { parseState, recordOf, type State } from '../committing/state.ts';
import { Tables } from '../committing/tables.ts';
import type { Plan, PlannedRepository, Planner } from '../contract/plan.ts';
import type { MirrorJobs } from '../jobs.ts';
import type { RepositorySettings, UpstreamSettings } from '../settings.ts';
import type { CommittedTables } from './compare.ts';
import { readServing, servingOf, type Serving } from './serving.ts';

interface PlannerParts {
  /** Only read. */
  readonly store: ObjectStore;
  readonly jobs: MirrorJobs;
  readonly upstreams: readonly UpstreamSettings[];
  readonly repositories: readonly RepositorySettings[];
  readonly clock: Clock;
}

const nothing: Serving = { upstreams: [], repositories: [] };

/** Compares a configuration with what `serving.json` says, over what `state.json` names. */
export function planner({ store, jobs, upstreams, repositories, clock }: PlannerParts): Planner {
  return {
    plan: async () => {
      await requireLayout(store);
      const served = await readServing(store);
      const before = served ?? nothing;
      const after = servingOf(upstreams, repositories);
      const state = (await readRecord(store, stateKey, parseState))?.value ?? { asOf: '', upstreams: {} };
      const names = new Set([...before.upstreams, ...after.upstreams].map(({ name }) => name));
      const tables = await loadTables(new Tables(store, jobs), state, names);
      const compared = await jobs.run('compare', { before, after, tables, nowMs: clock.now() });
      return { first: served === undefined, ...planOf({ before, after, state }, compared) };
    },
  };
}

async function loadTables(
  tables: Tables,
  state: State,
  names: ReadonlySet<string>,
): Promise<ReadonlyMap<string, CommittedTables>> {
  const loaded = [...names].map(async (name) => {
    const { catalog, snapshot } = recordOf(state, name) ?? {};
    const committed = {
      catalog: catalog && (await tables.load('catalog', catalog)),
      snapshot: snapshot && (await tables.load('snapshot', snapshot)),
    };
    return [name, committed] as const;
  });
  return new Map(await Promise.all(loaded));
}

interface Sides {
  readonly before: Serving;
  readonly after: Serving;
  readonly state: State;
}

function planOf({ before, after, state }: Sides, repositories: readonly PlannedRepository[]): Omit<Plan, 'first'> {
  const urls = new Map(before.upstreams.map(({ name, url }) => [name, url]));
  const kept = new Set(after.upstreams.map(({ name }) => name));
  const named = (wanted: (upstream: Serving['upstreams'][number]) => boolean): readonly string[] =>
    after.upstreams.filter(wanted).map(({ name }) => name);
  const [from, to] = [rootOf(before), rootOf(after)];
  return {
    upstreams: {
      added: named(({ name }) => !urls.has(name)),
      removed: [...urls.keys()].filter((name) => !kept.has(name)),
      moved: named(({ name, url }) => urls.has(name) && urls.get(name) !== url),
      unknown: named(({ name }) => recordOf(state, name)?.catalog === undefined),
    },
    repositories,
    ...(from !== to && { root: { from, to } }),
    loses: repositories.some(loses) || (from !== undefined && from !== to),
  };
}

function rootOf({ repositories }: Serving): string | undefined {
  return repositories.find(({ root }) => root)?.name;
}

function loses({ change, disappear, owners }: PlannedRepository): boolean {
  return change === 'removed' || disappear.length > 0 || owners.length > 0;
}
