import { isChartName, nameFilter } from '../chart/names.ts';
import type { DenyRule } from '../chart/rules.ts';
import { writtenIn } from './partners.ts';
import { isSound, readDenyRule } from './patterns.ts';
import { describeValue, type OptionPath } from './problem.ts';
import { found, membersOf, upstreamNames } from './repository-rules.ts';
import type { OptionTree } from './tree.ts';

/** Warns of what repositories say, or leave out, and what therefore does nothing. */
export function warnIdle(tree: OptionTree): void {
  const repositories = tree.at('repositories');
  if (!Array.isArray(repositories)) return;
  const paths = Array.from(repositories.keys(), (index) => ['repositories', index] as const);
  warnUnused(tree, paths);
  for (const path of paths) {
    const members = membersOf(tree, path);
    if (members?.length === 1) warnAlone(tree, path);
    if (members) warnBarred(tree, path);
    warnRepeated(tree, [...path, 'deny']);
  }
}

function warnUnused(tree: OptionTree, repositories: readonly OptionPath[]): void {
  const used = repositories.map((path) => membersOf(tree, path));
  if (used.includes(undefined)) return;
  const offered = new Set(used.flat());
  for (const [index, name] of (upstreamNames(tree) ?? []).entries()) {
    if (offered.has(name)) continue;
    tree.warn(['upstreams', index, 'name'], 'it is in no repository: what is fetched from it is offered nowhere');
  }
}

function warnAlone(tree: OptionTree, repository: OptionPath): void {
  const idle = 'it does nothing where there is only one upstream; leave it out';
  if (tree.at(...repository, 'overlap') === 'merge') tree.warn([...repository, 'overlap'], idle);
  if (tree.at(...repository, 'owners') !== undefined) tree.warn([...repository, 'owners'], idle);
}

/** Who is told to provide a name, and may not by its own `charts`, keeps everybody from it. */
function warnBarred(tree: OptionTree, repository: OptionPath): void {
  const path = [...repository, 'owners'];
  for (const chart of writtenIn(tree, path)) {
    const owner = tree.at(...path, chart);
    if (!isChartName(chart) || typeof owner !== 'string' || mayProvide(tree, owner, chart)) continue;
    const message = `the charts of ${describeValue(owner)} leave ${describeValue(chart)} out, and nobody else may provide it`;
    tree.warn([...path, chart], message);
  }
}

function mayProvide(tree: OptionTree, upstream: string, chart: string): boolean {
  const index = upstreamNames(tree)?.indexOf(upstream) ?? -1;
  const charts = tree.at('upstreams', index, 'charts') ?? tree.at('defaults', 'charts');
  if (index === -1 || !isListOfPatterns(charts)) return true;
  // a path before a name says where a registry has it; what only the path can exclude excludes no name
  const names = charts.filter((pattern) => !/^!.*\//.test(pattern)).map((pattern) => pattern.replace(/^.*\//, ''));
  return names.length === 0 || matchesInAnyCase(names, chart);
}

function matchesInAnyCase(patterns: readonly string[], chart: string): boolean {
  return nameFilter(patterns.map((pattern) => pattern.toLowerCase()))(chart.toLowerCase());
}

function isListOfPatterns(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string' && !one.includes('{') && isSound(one));
}

function warnRepeated(tree: OptionTree, path: OptionPath): void {
  const written = tree.at(...path);
  if (!Array.isArray(written)) return;
  const rules = written.map((entry) => (typeof entry === 'string' ? readDenyRule(entry) : undefined));
  for (const [at, rule] of rules.entries()) {
    const wider = rules.findIndex((other, place) => other && rule && place !== at && covers(other, rule, place < at));
    if (!rule || wider === -1) continue;
    const { line } = tree.position([...path, wider]);
    tree.warn([...path, at], `it adds nothing to ${found(tree, [...path, wider])} in line ${line}; leave it out`);
  }
}

/** Whether everything that one rule denies is denied by a wider one, or by an equal one that stands first. */
function covers(wider: DenyRule, rule: DenyRule, isFirst: boolean): boolean {
  const sameName = wider.chart.toLowerCase() === rule.chart.toLowerCase();
  if (!sameName && !(isChartName(rule.chart) && matchesInAnyCase([wider.chart], rule.chart))) return false;
  // bytes are denied by their digest whatever chart they are of
  if (wider.digest !== rule.digest) return false;
  if (wider.range === rule.range) return !sameName || isFirst;
  return wider.range === undefined;
}
