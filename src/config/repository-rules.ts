import { closest } from '../lib/nearest.ts';
import { writtenIn } from './partners.ts';
import { isNameOrGlob } from './patterns.ts';
import { describeValue, formatPath, type OptionPath, shorten } from './problem.ts';
import type { OptionTree } from './tree.ts';

/** What the options of the repositories say together, and with the upstreams. */
export function checkRepositories(tree: OptionTree): void {
  const repositories = tree.at('repositories');
  if (!Array.isArray(repositories)) return;
  checkNames(tree, 'repositories');
  checkRoots(tree, repositories.length);
  for (const index of repositories.keys()) {
    const path = ['repositories', index];
    checkUpstreams(tree, [...path, 'upstreams']);
    checkOwners(tree, path);
    checkVersions(tree, [...path, 'versions']);
  }
}

/** Reports names of a list's entries that are taken by entries before them. */
export function checkNames(tree: OptionTree, section: 'upstreams' | 'repositories'): void {
  const first = new Map<string, number>();
  for (const [index, name] of namesIn(tree, section).entries()) {
    if (name === undefined) continue;
    const earlier = first.get(name);
    if (earlier === undefined) {
      first.set(name, index);
      continue;
    }
    const { line } = tree.position([section, earlier, 'name']);
    const message = `the name ${describeValue(name)} is taken by ${formatPath([section, earlier])} in line ${line}; expected a name of its own`;
    tree.report([section, index, 'name'], message);
  }
}

/** The names of the entries of a list in order, undefined for one that has none. */
function namesIn(tree: OptionTree, section: string): readonly (string | undefined)[] {
  const entries = tree.at(section);
  if (!Array.isArray(entries)) return [];
  return entries.map((_, index) => {
    const name = tree.at(section, index, 'name');
    return typeof name === 'string' ? name : undefined;
  });
}

/** The names of all upstreams; undefined where one cannot be told, because of what is wrong there. */
export function upstreamNames(tree: OptionTree): readonly string[] | undefined {
  const names = namesIn(tree, 'upstreams');
  const known = names.filter((name) => name !== undefined);
  return names.length > 0 && known.length === names.length ? known : undefined;
}

/** The names of a repository's upstreams as they are written, every upstream where it says none. */
export function membersOf(tree: OptionTree, repository: OptionPath): readonly string[] | undefined {
  const written = tree.at(...repository, 'upstreams');
  if (written === undefined) return tree.wasReported([...repository, 'upstreams']) ? undefined : upstreamNames(tree);
  return Array.isArray(written) && written.length > 0 && written.every((name) => typeof name === 'string')
    ? written
    : undefined;
}

function checkRoots(tree: OptionTree, count: number): void {
  const roots = Array.from({ length: count }, (_, index) => index).filter(
    (index) => tree.at('repositories', index, 'root') === true,
  );
  for (const index of roots.slice(1)) {
    const first = ['repositories', roots[0] ?? 0];
    const { line } = tree.position([...first, 'root']);
    const message = `found true, but ${formatPath(first)} is the root, as line ${line} says; expected one at most`;
    tree.report(['repositories', index, 'root'], message);
  }
}

function checkUpstreams(tree: OptionTree, path: OptionPath): void {
  const written = tree.at(...path);
  const known = upstreamNames(tree);
  if (!Array.isArray(written)) return;
  for (const [at, name] of written.entries()) {
    if (typeof name !== 'string' || name === '') continue;
    const here = [...path, at];
    const earlier = written.indexOf(name);
    if (known && !known.includes(name)) tree.report(here, unknownName(tree, here, known, 'the name of an upstream'));
    else if (earlier < at) {
      const { line } = tree.position([...path, earlier]);
      tree.report(here, `found ${found(tree, here)} again; the first is in line ${line}, and one is enough`);
    }
  }
}

/** What stands at a path in words; what came from a placeholder as the placeholder. */
export function found(tree: OptionTree, path: OptionPath): string {
  return describeValue(tree.written(path) ?? tree.at(...path));
}

function unknownName(tree: OptionTree, path: OptionPath, known: readonly string[], what: string): string {
  const near = closest(String(tree.at(...path)), known);
  const advice = near === undefined ? '' : `did you mean "${near}"? `;
  return `found ${found(tree, path)}; ${advice}expected ${what}: ${shorten([...new Set(known)].join(', '))}`;
}

function checkOwners(tree: OptionTree, repository: OptionPath): void {
  const path = [...repository, 'owners'];
  const members = membersOf(tree, repository)?.filter((name) => upstreamNames(tree)?.includes(name));
  const earlier = new Map<string, string>();
  for (const chart of writtenIn(tree, path)) {
    const here = [...path, chart];
    const same = earlier.get(chart.toLowerCase());
    earlier.set(chart.toLowerCase(), chart);
    if (!isNameOrGlob(chart)) tree.reportKey(here, notAPattern(chart));
    else if (same !== undefined) {
      const { line } = tree.position([...path, same]);
      tree.reportKey(
        here,
        `"${shorten(chart)}" is "${shorten(same)}" of line ${line} in another case, which makes no difference here`,
      );
    }
    const owner = tree.at(...here);
    if (typeof owner !== 'string' || owner === '' || !members?.length || members.includes(owner)) continue;
    tree.report(here, unknownName(tree, here, members, 'an upstream of this repository'));
  }
}

function notAPattern(key: string): string {
  return `found "${shorten(key)}"; expected a chart name or a glob, such as nginx or corp-*`;
}

/** What `versions` says for single charts, of an upstream, a repository or all upstreams. */
export function checkVersions(tree: OptionTree, path: OptionPath): void {
  const value = tree.at(...path);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  const charts = writtenIn(tree, path);
  for (const chart of charts) if (!isNameOrGlob(chart)) tree.reportKey([...path, chart], notAPattern(chart));
  if (charts.length > 0 || tree.wasReported(path)) return;
  tree.report(
    path,
    'found a mapping without entries; expected a range for at least one chart, or leave it out for every version',
  );
}
