import { Catalog, emptyCatalog } from '../../chart/catalog.ts';
import { emptySnapshot, Snapshot } from '../../chart/holding.ts';
import { Offering } from '../../chart/offering.ts';
import { Selection, type Decided } from '../../chart/select.ts';
import { compareText } from '../../chart/version.ts';
import type { SharedTable } from '../../lib/shared-table.ts';
import { recordBytes } from '../../store/records.ts';
import type { OwnerChange, PlannedChart, PlannedRepository } from '../contract/plan.ts';
import type { RepositorySettings } from '../settings.ts';
import { refusedBy } from './refusals.ts';
import type { Serving } from './serving.ts';

/** What is committed of one upstream; absent what it never had. */
export interface CommittedTables {
  readonly catalog?: SharedTable | undefined;
  readonly snapshot?: SharedTable | undefined;
}

/** Two configurations over the same tables, at one moment. */
export interface Comparing {
  readonly before: Serving;
  readonly after: Serving;
  /** By the upstream's name. */
  readonly tables: ReadonlyMap<string, CommittedTables>;
  readonly nowMs: number;
}

/** What would become of each repository: those of the later configuration in its order, then those that it has no more. */
export function compareConfigurations(parts: Comparing): readonly PlannedRepository[] {
  const [before, after] = [composed(parts.before, parts), composed(parts.after, parts)];
  const names = new Set([...after.keys(), ...before.keys()]);
  return [...names].map((name) => compareRepositories(name, before.get(name), after.get(name)));
}

/** A repository as one of the two configurations has it. */
interface Composed {
  readonly settings: RepositorySettings;
  /** Equal for repositories that offer the same. */
  readonly identity: Buffer;
  readonly selection: Selection;
}

function composed({ upstreams, repositories }: Serving, { tables, nowMs }: Comparing): ReadonlyMap<string, Composed> {
  const all = upstreams.map(({ name, rules }) => {
    const { catalog, snapshot } = tables.get(name) ?? {};
    const offering = new Offering(
      catalog ? new Catalog(catalog) : emptyCatalog,
      snapshot ? new Snapshot(snapshot) : emptySnapshot,
      rules,
    );
    return { name, rules, offering };
  });
  return new Map(
    repositories.map((settings) => {
      const members = settings.upstreams.flatMap((name) => all.filter((one) => one.name === name));
      const selection = new Selection(members, settings.rules, nowMs);
      const identity = recordBytes([settings.rules, members.map(({ name, rules }) => ({ name, rules }))]);
      return [settings.name, { settings, identity, selection }];
    }),
  );
}

function compareRepositories(
  name: string,
  before: Composed | undefined,
  after: Composed | undefined,
): PlannedRepository {
  const isSame = before && after && before.identity.equals(after.identity);
  const { appear, disappear, owners } = isSame ? nothing : compareCharts(before, after);
  if (!after) return { name, change: 'removed', appear, disappear, owners };
  if (!before)
    return { name, change: 'added', appear, disappear, owners, ...whyEmpty(after, appear), ...unjudgedIn(after) };
  const settingsDiffer = !recordBytes(before.settings).equals(recordBytes(after.settings));
  const differs = settingsDiffer || appear.length + disappear.length + owners.length > 0;
  const later = isSame ? {} : unjudgedIn(after);
  const change = differs || later.unjudged !== undefined ? 'changed' : 'unchanged';
  return { name, change, appear, disappear, owners, ...later };
}

/** How much of what it lists waits for a verdict that may hide it. */
function unjudgedIn({ selection }: Composed): Pick<PlannedRepository, 'unjudged'> {
  if (!selection.members.some(({ offering }) => offering.verifies === 'require')) return {};
  let unjudged = 0;
  for (const chart of selection.charts()) {
    for (const { member, held } of selection.listed(chart)) {
      if (selection.members[member]?.offering.mustBeJudged(held)) unjudged += 1;
    }
  }
  return unjudged > 0 ? { unjudged } : {};
}

/** What hides all that there is, where one that is added lists nothing. */
function whyEmpty({ selection }: Composed, appear: readonly PlannedChart[]): Pick<PlannedRepository, 'hidden'> {
  if (appear.length > 0) return {};
  return { hidden: refusedBy(selection, decisionsOf(selection)) };
}

function* decisionsOf(selection: Selection): IterableIterator<Decided> {
  for (const chart of selection.charts()) yield* selection.decisions(chart);
}

type Differences = Pick<PlannedRepository, 'appear' | 'disappear' | 'owners'>;

const nothing: Differences = { appear: [], disappear: [], owners: [] };

function compareCharts(before: Composed | undefined, after: Composed | undefined): Differences {
  const charts = new Set([...(before?.selection.charts() ?? []), ...(after?.selection.charts() ?? [])]);
  const listed = [...charts]
    .sort(compareText)
    .map((chart) => ({ chart, was: providersOf(before, chart), is: providersOf(after, chart) }));
  return {
    appear: listed.flatMap(({ chart, was, is }) => withoutThose(was, chart, is)),
    disappear: listed.flatMap(({ chart, was, is }) => withoutThose(is, chart, was)),
    owners: before && after ? listed.flatMap((one) => ownerChanges({ ...one, before, after })) : [],
  };
}

/** Versions by their text, as an index lists them: newest first. */
type Providers = ReadonlyMap<string, string>;

/** Who provides each version of a chart that an index lists. */
function providersOf(side: Composed | undefined, chart: string): Providers {
  const listed = side ? [...side.selection.listed(chart)] : [];
  return new Map(listed.map(({ member, version }) => [version.version, nameOf(side, member) ?? '']));
}

function withoutThose(others: Providers, chart: string, providers: Providers): readonly PlannedChart[] {
  const versions = [...providers.keys()].filter((version) => !others.has(version));
  return versions.length > 0 ? [{ chart, versions }] : [];
}

interface ListedTwice {
  readonly chart: string;
  readonly before: Composed;
  readonly after: Composed;
  readonly was: Providers;
  readonly is: Providers;
}

function ownerChanges({ chart, before, after, was, is }: ListedTwice): readonly OwnerChange[] {
  // what neither lists changes nothing for anybody
  if (was.size + is.size === 0) return [];
  const [from, to] = [ownerOf(before, chart), ownerOf(after, chart)];
  if (from !== 'by-version' && to !== 'by-version') {
    return from !== undefined && to !== undefined && from !== to ? [{ chart, from, to }] : [];
  }
  return [...is].flatMap(([version, provider]) => {
    const earlier = was.get(version);
    return earlier === undefined || earlier === provider ? [] : [{ chart, version, from: earlier, to: provider }];
  });
}

/** Who provides a chart, or alone may. */
function ownerOf(side: Composed, chart: string): string | undefined {
  const owner = side.selection.ownerOf(chart);
  return owner === 'by-version' ? owner : nameOf(side, owner);
}

function nameOf(side: Composed | undefined, member: number | undefined): string | undefined {
  return side?.selection.members[member ?? -1]?.name;
}
