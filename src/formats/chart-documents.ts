import { readChartFiles, type ArchiveLimits, type ChartFile } from './chart-archive.ts';

const kinds = ['readme', 'values', 'schema'] as const;

/** What is in an archive for people to read, as text. What is too large to show is left out and named. */
export interface ChartDocuments {
  readonly readme?: string | undefined;
  /** `values.yaml`. */
  readonly values?: string | undefined;
  /** `values.schema.json`. */
  readonly schema?: string | undefined;
  readonly tooLarge: readonly (typeof kinds)[number][];
}

/** A larger document is not shown. */
export const maxDocumentBytes = 1024 * 1024;

/** The names that `helm show readme` knows. */
const readmeNames = new Set(['readme.md', 'readme.txt', 'readme']);

/**
 * Takes the documents out of a chart archive as `helm show` finds them: the chart's own, never those of the charts in its
 * `charts/`; of several READMEs the first, of the others the last. What is not UTF-8 is replaced. Throws as
 * `inspectArchive`; the message begins with `subject`.
 */
export function readDocuments(bytes: Uint8Array, subject?: string, limits?: ArchiveLimits): ChartDocuments {
  const files = readChartFiles(bytes, limits, subject);
  const found: Record<(typeof kinds)[number], ChartFile | undefined> = {
    readme: files.find(({ path }) => readmeNames.has(path.toLowerCase())),
    values: files.findLast(({ path }) => path === 'values.yaml'),
    schema: files.findLast(({ path }) => path === 'values.schema.json'),
  };
  const shown = kinds.flatMap((kind) => {
    const data = found[kind]?.data;
    return data && data.length <= maxDocumentBytes ? [[kind, data.toString('utf8')] as const] : [];
  });
  const tooLarge = kinds.filter((kind) => (found[kind]?.data.length ?? 0) > maxDocumentBytes);
  return { ...Object.fromEntries(shown), tooLarge };
}

/** Reads what was kept of `readDocuments`. Throws a plain error for anything else. */
export function parseDocuments(value: unknown): ChartDocuments {
  const fields = Object(value) as Readonly<Record<string, unknown>>;
  const { tooLarge } = fields;
  const isWhole = kinds.every((kind) => fields[kind] === undefined || typeof fields[kind] === 'string');
  const isNamed = Array.isArray(tooLarge) && tooLarge.every((one) => kinds.some((kind) => kind === one));
  if (isWhole && isNamed) return value as ChartDocuments;
  throw new Error('these are no documents');
}
