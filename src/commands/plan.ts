import type { Plan, PlannedChart, PlannedRepository, Planner } from '../mirror/contract/plan.ts';
import { count } from './columns.ts';

interface PlanOptions {
  readonly planner: Planner;
  /** The plan as it is, for programs. */
  readonly json: boolean;
  readonly print: (text: string) => void;
}

/** So many charts of a list are shown, and so many versions of each. */
const maxCharts = 20;
const maxVersions = 5;

/**
 * Prints what the configuration would change of what is offered, and answers with the exit status: 3 when something would
 * disappear or change owner, else 0. Rejects with 'store-failed' when the store does not answer.
 */
export async function plan({ planner, json, print }: PlanOptions): Promise<0 | 3> {
  const planned = await planner.plan();
  print(json ? JSON.stringify(planned, undefined, 2) : describe(planned));
  return planned.loses ? 3 : 0;
}

function describe(planned: Plan): string {
  const lines = [
    ...(planned.first ? ['This store was never served from: everything is new.'] : []),
    ...describeUpstreams(planned),
    ...describeRoot(planned),
    ...planned.repositories.flatMap(describeRepository),
  ];
  if (lines.length === 0) return 'Nothing would change.';
  return [...lines, '', verdict(planned)].join('\n');
}

function describeUpstreams({ upstreams: { added, removed, moved, unknown } }: Plan): readonly string[] {
  const later = (name: string): string =>
    unknown.includes(name) ? ': what it lists is known after its first sync' : '';
  return [
    ...added.map((name) => `+ upstream ${name}${later(name)}`),
    ...removed.map((name) => `- upstream ${name}`),
    ...moved.map(
      (name) => `~ upstream ${name}: asked at another address; what it lists there is known after its next sync`,
    ),
  ];
}

function describeRoot({ root }: Plan): readonly string[] {
  if (!root) return [];
  const { from = 'nothing', to = 'nothing' } = root;
  return [`~ root: ${to} answers at /, where ${from} does now`];
}

const signs = { added: '+', removed: '-', changed: '~' };

function describeRepository(planned: PlannedRepository): readonly string[] {
  const { name, change, appear, disappear, owners, unjudged = 0 } = planned;
  if (change === 'unchanged') return [];
  const what = [
    ...describeCount(appear, 'appear'),
    ...describeCount(disappear, 'disappear'),
    ...(owners.length > 0 ? [`${count(owners.length, 'owner')} ${plural(owners.length, 'change')}`] : []),
  ];
  return [
    `${signs[change]} repository ${name}: ${what.join(', ') || describeNothing(planned)}`,
    ...shortened(appear.map((one) => `    + ${describeChart(one)}`)),
    ...shortened(disappear.map((one) => `    - ${describeChart(one)}`)),
    ...shortened(
      owners.map(({ chart, version = '', from, to }) => `    ~ ${`${chart} ${version}`.trim()}: ${from} -> ${to}`),
    ),
    ...(unjudged > 0 ? [`    ? ${count(unjudged, 'version')} still to be judged (verify.mode: require)`] : []),
  ];
}

function describeNothing({ change, hidden = {} }: PlannedRepository): string {
  if (change === 'changed') return 'nothing that it lists changes';
  if (change === 'removed') return 'it lists nothing';
  const rules = Object.entries(hidden).map(([rule, versions]) => `${versions} hidden by ${rule}`);
  return ['lists nothing yet', ...rules].join(', ');
}

function describeCount(charts: readonly PlannedChart[], verb: string): readonly string[] {
  const versions = versionsOf(charts);
  if (versions === 0) return [];
  return [`${count(versions, 'version')} of ${count(charts.length, 'chart')} ${plural(versions, verb)}`];
}

function plural(number: number, verb: string): string {
  return number === 1 ? `${verb}s` : verb;
}

function describeChart({ chart, versions }: PlannedChart): string {
  const shown = versions.slice(0, maxVersions).join(', ');
  const more = versions.length - maxVersions;
  return more > 0 ? `${chart} ${shown} and ${more} more` : `${chart} ${shown}`;
}

function shortened(lines: readonly string[]): readonly string[] {
  const more = lines.length - maxCharts;
  return more > 0 ? [...lines.slice(0, maxCharts), `    and ${more} more`] : lines;
}

function verdict({ repositories, loses }: Plan): string {
  const isJudged = repositories.every(({ unjudged = 0 }) => unjudged === 0);
  const asFar = isJudged ? '' : ', as far as provenance was judged';
  if (!loses) return `Nothing would disappear or change owner${asFar}.`;
  const gone = repositories.reduce((sum, { disappear }) => sum + versionsOf(disappear), 0);
  const moved = repositories.reduce((sum, { owners }) => sum + owners.length, 0);
  const losses = [
    ...(gone > 0 ? [`${count(gone, 'version')} would disappear`] : []),
    ...(moved > 0 ? [`${count(moved, 'owner')} would change`] : []),
  ];
  return `${losses.join(', and ') || 'An address would answer with something else, or no more'}${asFar}.`;
}

function versionsOf(charts: readonly PlannedChart[]): number {
  return charts.reduce((sum, { versions }) => sum + versions.length, 0);
}
