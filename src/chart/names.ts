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
  const excluding = patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1));
  const including = patterns.filter((pattern) => !pattern.startsWith('!'));
  const isExcluded = picomatch(excluding, { dot: true });
  const isIncluded = including.length === 0 ? () => true : picomatch(including, { dot: true });
  return (chart) => isIncluded(chart) && !(excluding.length > 0 && isExcluded(chart));
}
