import picomatch from 'picomatch';

/**
 * A chart name we can offer: what Helm accepts (a name that is its own base name) narrowed to the characters that
 * need no escaping in a URL, a key or a header. Any case; what OCI cannot express is offered over HTTP only.
 */
const chartNameGrammar = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Whether `text` can be the name of a chart. */
export function isChartName(text: string): boolean {
  return chartNameGrammar.test(text);
}

/** The path of an archive below a repository: the base name is the one `helm package --sign` signs. */
export function archivePath(chart: string, version: string): string {
  return `charts/${chart}/${chart}-${version}.tgz`;
}

/**
 * Whether a name passes a list of names and globs: when one of them matches, or all of them exclude, and none that
 * excludes (`!legacy-*`) does.
 */
export function nameFilter(patterns: readonly string[]): (chart: string) => boolean {
  if (patterns.every((pattern) => pattern === '*')) return () => true;
  const excluding = patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1));
  const including = patterns.filter((pattern) => !pattern.startsWith('!'));
  const isExcluded = picomatch(excluding, { dot: true });
  const isIncluded = including.length === 0 ? () => true : picomatch(including, { dot: true });
  return remembering((chart) => isIncluded(chart) && !(excluding.length > 0 && isExcluded(chart)));
}

/** With its last answer: of charts with thousands of versions each version is asked about, one after the other. */
function remembering<T>(answer: (chart: string) => T): (chart: string) => T {
  let last: { readonly chart: string; readonly said: T } | undefined;
  return (chart) => {
    if (last?.chart !== chart) last = { chart, said: answer(chart) };
    return last.said;
  };
}

const nothing: readonly never[] = [];

/**
 * All that stands for a chart in a table of names and globs: under its exact name first, then under each glob that
 * matches, both in the order of the table. With `anyCase` neither upper nor lower case makes a difference.
 */
export function lookUp<T>(
  table: readonly (readonly [pattern: string, value: T])[],
  { anyCase = false }: { readonly anyCase?: boolean } = {},
): (chart: string) => readonly T[] {
  if (table.length === 0) return () => nothing;
  const fold = (name: string): string => (anyCase ? name.toLowerCase() : name);
  const exact = new Map<string, T[]>();
  const globs: { readonly matches: (chart: string) => boolean; readonly value: T }[] = [];
  for (const [pattern, value] of table) {
    if (!isChartName(pattern)) globs.push({ matches: picomatch(pattern, { dot: true, nocase: anyCase }), value });
    else exact.set(fold(pattern), [...(exact.get(fold(pattern)) ?? []), value]);
  }
  return remembering((chart) => {
    const named = exact.get(fold(chart)) ?? nothing;
    if (globs.length === 0) return named;
    return [...named, ...globs.filter(({ matches }) => matches(chart)).map(({ value }) => value)];
  });
}
