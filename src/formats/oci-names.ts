import { isRepository, tagOf } from './oci-manifest.ts';

/** What a chart version is called in a registry: the path of its repository there, and its tag. */
export interface OciName {
  readonly path: string;
  readonly tag: string;
}

/**
 * The name of a chart version in our registry: below the name of one of our repositories, or at the root. Undefined when
 * the grammar of the distribution specification cannot express the chart's name (upper case, `a..b`) or the version.
 */
export function ociNameOf(repository: string | undefined, chart: string, version: string): OciName | undefined {
  const path = repository === undefined ? chart : `${repository}/${chart}`;
  const tag = tagOf(version);
  return tag !== undefined && isRepository(path) ? { path, tag } : undefined;
}
